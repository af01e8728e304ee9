package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// withSecurityHeaders tells browsers to run, frame, guess and keep nothing of what comes
// from here.
func withSecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}

// onlyOwnHost refuses requests for a host other than localhost, an IP address or own. A
// page whose name an attacker points at 127.0.0.1 is of the same origin as itself, so that
// only the Host field gives it away.
func onlyOwnHost(own string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostOf(r.Host); !isAddress(host) && host != "localhost" && (own == "" || host != own) {
			plain(w, http.StatusMisdirectedRequest, "the admin listener answers to localhost, to IP addresses and to the host it listens on")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostOf returns the host of host:port or host in lower case, without a trailing dot and
// without the brackets of IPv6.
func hostOf(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
