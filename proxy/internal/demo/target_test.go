package demo_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/evenkeel/evenkeel/proxy/internal/demo"
)

func start(t *testing.T) (target *demo.Target, url string) {
	t.Helper()
	target = demo.NewTarget("web-1", netip.MustParseAddrPort("127.0.0.1:0"), "target_groups[0].targets[0].port", "1.2.3")
	if err := target.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	return target, "http://" + target.Addr.String()
}

func ask(t *testing.T, method, url string, fields ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestTargetAnswers(t *testing.T) {
	_, url := start(t)
	for _, c := range []struct {
		method, path string
		fields       []string
		status       int
		body         string
	}{
		{"GET", "/", nil, 200, "web-1 answers, request "},
		{"GET", "/", []string{"Accept", "text/html,*/*;q=0.8"}, 200, "<h1>web-1</h1>"},
		{"GET", "/", []string{"Accept", "text/html", "X-Odd", "<script>"}, 200, "&lt;script&gt;"},
		{"GET", "/nowhere", nil, 404, "404"},
		{"GET", "/slow?s=0", nil, 200, "web-1 answers after 0 s"},
		{"GET", "/slow?s=-1", nil, 400, "s is a number from 0 to 300"},
		{"GET", "/slow?s=x", nil, 400, "s is a number"},
		{"GET", "/status/418", nil, 418, "I'm a teapot"},
		{"GET", "/status/204", nil, 204, ""},
		{"GET", "/status/99", nil, 400, "a status is a number"},
		{"POST", "/upload", nil, 200, "web-1 took 0 bytes, sha256 e3b0c442"},
		{"GET", "/sse?n=0", nil, 200, ""},
		{"GET", "/ws.html", nil, 200, "new WebSocket"},
		{"GET", "/break", nil, 405, ""},
		{"POST", "/break", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403, ""},
	} {
		status, body := ask(t, c.method, url+c.path, c.fields...)
		if status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s %s = %d %q, want %d with %q", c.method, c.path, status, body, c.status, c.body)
		}
	}
}

func TestHealthFollowsBreakAndMend(t *testing.T) {
	_, url := start(t)
	check := func(path string, status int, want demo.Health) {
		t.Helper()
		got, body := ask(t, "GET", url+path)
		var h demo.Health
		if err := json.Unmarshal([]byte(body), &h); err != nil {
			t.Fatal(err)
		}
		if got != status || h != want {
			t.Errorf("GET %s = %d %+v, want %d %+v", path, got, h, status, want)
		}
	}
	well := demo.Health{Status: "healthy", Database: "ok", Cache: "ok", Version: "1.2.3", Target: "web-1"}
	check("/health/", 200, well)
	ask(t, "POST", url+"/break")
	ill := well
	ill.Status, ill.Database = "unhealthy", "broken by POST /break"
	check("/health/", 503, ill)
	if status, _ := ask(t, "GET", url+"/"); status != 200 {
		t.Errorf("a target that fails its checks answers %d, want 200", status)
	}
	ask(t, "POST", url+"/mend")
	well.Celery = "ok"
	check("/health/?check_celery=true", 200, well)
}

func TestHangUpGivesNoAnswer(t *testing.T) {
	_, url := start(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/hangup", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err == nil {
		answer.Body.Close()
		t.Fatalf("GET /hangup = %s, want no answer", answer.Status)
	}
}

func TestWebSocketEchoes(t *testing.T) {
	target, url := start(t)
	conn, answer, err := websocket.Dial(t.Context(), url+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("status %d, want 101", answer.StatusCode)
	}
	for _, want := range []string{"web-1 echoes", "hello"} {
		if want == "hello" {
			if err := conn.Write(t.Context(), websocket.MessageText, []byte(want)); err != nil {
				t.Fatal(err)
			}
		}
		_, got, err := conn.Read(t.Context())
		if err != nil || string(got) != want {
			t.Fatalf("read %q, %v, want %q", got, err, want)
		}
	}
	target.Leave(0)
	if _, _, err := conn.Read(t.Context()); err == nil {
		t.Error("the WebSocket outlived its target")
	}
}

func TestTargetComesBack(t *testing.T) {
	target, url := start(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	target.Leave(0)
	for transport := (&http.Transport{DisableKeepAlives: true}); ; {
		answer, err := transport.RoundTrip(r)
		if err == nil {
			answer.Body.Close()
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

func TestPortInUseIsNamed(t *testing.T) {
	first, _ := start(t)
	second := demo.NewTarget("web-2", first.Addr, "target_groups[0].targets[1].port", "")
	err := second.Start(t.Context())
	if err == nil {
		t.Fatal("two targets opened one port")
	}
	if got := err.Error(); !strings.Contains(got, "demo target web-2") || !strings.Contains(got, first.Addr.String()) {
		t.Errorf("error %q names neither target nor port", got)
	}
}
