package admin

import (
	"fmt"
	"net/http"
	"net/netip"
)

// NginxStatus is what nginx's stub_status tells.
//
// https://nginx.org/en/docs/http/ngx_http_stub_status_module.html
type NginxStatus struct {
	// Accepted client connections since the start, and Handled: those that were let in.
	Accepted, Handled uint64
	// Requests since the start that have ended.
	Requests uint64
	// Active connections from clients are open.
	Active uint64
	// Reading is how many requests' heads have begun and are not complete, Writing how many
	// requests are answered, Waiting how many connections wait for a request.
	Reading, Writing, Waiting int
}

// nginxStatus answers in stub_status's format, for the monitors that read it.
func (s *Server) nginxStatus(w http.ResponseWriter, r *http.Request) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if allow := s.options.NginxStatusAllow; err != nil || allow == nil || !allow(peer.Addr().Unmap()) {
		plain(w, http.StatusForbidden, "your address is not in proxy.admin.nginx_status_allow")
		return
	}
	n := s.options.Source.NginxStatus()
	w.Header().Set("Content-Type", "text/plain")
	// To the byte, spaces included: others parse it.
	fmt.Fprintf(w, "Active connections: %d \nserver accepts handled requests\n %d %d %d \nReading: %d Writing: %d Waiting: %d \n",
		n.Active, n.Accepted, n.Handled, n.Requests, n.Reading, n.Writing, n.Waiting)
}
