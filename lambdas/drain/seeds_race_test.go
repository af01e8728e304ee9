//go:build race

package main

// defaultSeeds are few where each takes ten times as long.
const defaultSeeds = 60
