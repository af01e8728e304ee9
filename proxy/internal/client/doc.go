// Package client tells who a request comes from when other proxies stand in between: it
// holds the blocks of addresses that are trusted, and walks X-Forwarded-For from the right
// as long as those who wrote it are.
//
// The last address of X-Forwarded-For was written by the peer, the one before it by the
// proxy whose address that is, and so on. Each is worth as much as whoever wrote it: the
// walk ends at the first address that is not trusted, which is the client, and all that
// stands left of it is the client's own claim.
package client
