package accesslog_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/evenkeel/evenkeel/proxy/internal/accesslog"
	"github.com/evenkeel/evenkeel/spec"
)

func TestJSON(t *testing.T) {
	config := config
	config.Access.Format = spec.LogFormatJSON
	var got map[string]any
	if err := json.Unmarshal([]byte(accesslog.Line(config, served())), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "http", "time": "2018-07-02T22:23:00.186641Z", "elb": "app/my-loadbalancer/50dc6c495c0c9188",
		"client:port": "192.168.131.39:2817", "target:port": "10.0.0.1:80",
		"request_processing_time": 0.0, "target_processing_time": 0.001, "response_processing_time": 0.0,
		"elb_status_code": 200.0, "target_status_code": 200.0, "received_bytes": 34.0, "sent_bytes": 366.0,
		"request_line": "GET http://www.example.com:80/ HTTP/1.1", "user_agent": "curl/7.46.0",
		"ssl_cipher": nil, "ssl_protocol": nil, "target_group_arn": groupARN,
		"trace_id": "Root=1-58337262-36d228ad5d99923122bbe354", "domain_name": nil, "chosen_cert_arn": nil,
		"matched_rule_priority": 0.0, "request_creation_time": "2018-07-02T22:23:00.185641Z",
		"actions_executed": "forward", "redirect_url": nil, "error_reason": nil,
		"target:port_list": "10.0.0.1:80", "target_status_code_list": "200",
		"classification": nil, "classification_reason": nil, "conn_trace_id": "TID_1234abcd5678ef90",
		"transformed_host": nil, "transformed_uri": nil, "request_transform_status": nil, "ip_address": "10.0.0.9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
}

func TestJSONOfTheCache(t *testing.T) {
	config := config
	config.Access.Format = spec.LogFormatJSON
	x := served()
	x.Record.CacheStatus = "HIT"
	var got map[string]any
	if err := json.Unmarshal([]byte(accesslog.Line(config, x)), &got); err != nil || got["cache_status"] != "HIT" {
		t.Errorf("cache_status is %v (%v)", got["cache_status"], err)
	}
}

func TestJSONOfAMalformedRequest(t *testing.T) {
	config := config
	config.Access.Format = spec.LogFormatJSON
	x := unserved(400, 272)
	x.Record.MalformedRequest = true
	var got map[string]any
	if err := json.Unmarshal([]byte(accesslog.Line(config, x)), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"target:port": nil, "target_status_code": nil, "target_status_code_list": nil, "matched_rule_priority": nil,
		"request_processing_time": -1.0, "received_bytes": 0.0, "user_agent": nil,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func TestCombined(t *testing.T) {
	config := config
	config.Access.Format = spec.LogFormatCombined
	x := served()
	x.Request.Target = []byte(`/a?b="c"`)
	x.Request.Fields = append(x.Request.Fields, fields("referer", "https://example.com/")...)
	want := `192.168.131.39 - - [02/Jul/2018:22:23:00 +0000] "GET /a?b=\x22c\x22 HTTP/1.1" 200 366 "https://example.com/" "curl/7.46.0"` + "\n"
	if got := accesslog.Line(config, x); got != want {
		t.Errorf("line is\n%s\nwant\n%s", got, want)
	}
	x = unserved(400, 272)
	x.Record.MalformedRequest = true
	want = `192.168.131.39 - - [02/Jul/2018:22:23:00 +0000] "-" 400 272 "-" "-"` + "\n"
	if got := accesslog.Line(config, x); got != want {
		t.Errorf("line is\n%s\nwant\n%s", got, want)
	}
}

// TestConnectionLine has the example of the AWS page load-balancer-connection-logs, with the
// key exchange field that was added later.
func TestConnectionLine(t *testing.T) {
	tests := []struct {
		name   string
		record accesslog.ConnectionRecord
		want   string
	}{
		{"mutual TLS", accesslog.ConnectionRecord{
			Time:             at("2023-10-04T17:05:15.514108Z"),
			Client:           netip.MustParseAddrPort("203.0.113.1:36280"),
			ListenerPort:     443,
			Protocol:         "TLSv1.2",
			Cipher:           "ECDHE-RSA-AES128-GCM-SHA256",
			HandshakeLatency: 4036 * time.Millisecond,
			Subject:          "CN=amazondomains.com,O=endEntity,L=Seattle,ST=Washington,C=US",
			Validity:         "NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z",
			SerialNumber:     "FEF257372D5C14D4",
			VerifyStatus:     "Success",
			TraceID:          "TID_3180a73013c8ca4bac2f731159d4b0fe",
			KeyExchange:      "X25519MLKEM768",
		}, `2023-10-04T17:05:15.514108Z 203.0.113.1 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 "CN=amazondomains.com,O=endEntity,L=Seattle,ST=Washington,C=US" NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 Success TID_3180a73013c8ca4bac2f731159d4b0fe X25519MLKEM768`},
		{"HTTP", accesslog.ConnectionRecord{
			Time:         at("2023-10-04T17:05:15Z"),
			Client:       netip.MustParseAddrPort("[2001:db8::1]:36280"),
			ListenerPort: 80,
			TraceID:      "TID_3180a73013c8ca4bac2f731159d4b0fe",
		}, `2023-10-04T17:05:15.000000Z 2001:db8::1 36280 80 - - - "-" - - - TID_3180a73013c8ca4bac2f731159d4b0fe -`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := accesslog.ConnectionLine(&tt.record); got != tt.want+"\n" {
				t.Errorf("line is\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// TestHealthCheckLine has the example of the AWS page load-balancer-health-check-logs.
func TestHealthCheckLine(t *testing.T) {
	record := accesslog.HealthCheckRecord{
		Type:        "http",
		Time:        at("2025-10-31T12:44:59.875678Z"),
		Latency:     19584011,
		Target:      "172.31.20.97:80",
		TargetGroup: "HCLogsTestIPs",
		Passed:      true,
		Status:      200,
	}
	want := "http 2025-10-31T12:44:59.875678Z 0.019584011 172.31.20.97:80 HCLogsTestIPs PASS 200 -\n"
	if got := accesslog.HealthCheckLine(&record); got != want {
		t.Errorf("line is\n%s\nwant\n%s", got, want)
	}
	record.Passed, record.Status, record.Reason = false, 502, accesslog.HealthCheckTargetError
	want = "http 2025-10-31T12:44:59.875678Z 0.019584011 172.31.20.97:80 HCLogsTestIPs FAIL 502 TargetError\n"
	if got := accesslog.HealthCheckLine(&record); got != want {
		t.Errorf("line is\n%s\nwant\n%s", got, want)
	}
	record.Status, record.Reason = -1, accesslog.HealthCheckTimedOut
	want = "http 2025-10-31T12:44:59.875678Z 0.019584011 172.31.20.97:80 HCLogsTestIPs FAIL - TimedOut\n"
	if got := accesslog.HealthCheckLine(&record); got != want {
		t.Errorf("line is\n%s\nwant\n%s", got, want)
	}
}
