package admin

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/proxy/internal/telemetry"
	"github.com/evenkeel/evenkeel/targethealth"
)

// csvColumns are those of HAProxy's statistics, in its order, up to the last that has a
// meaning here. A cell of one that has none is empty, as HAProxy's own are.
//
// https://docs.haproxy.org/2.6/management.html#9.1
var csvColumns = strings.Split("pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime", ",")

// Values of the column type.
const (
	csvListener = "0"
	csvGroup    = "1"
	csvTarget   = "2"
)

// csvRow is one line, by column.
type csvRow map[string]string

// statsCSV answers as HAProxy's /stats;csv does.
func (s *Server) statsCSV(w http.ResponseWriter, _ *http.Request, _ visitor) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = writeCSV(w, s.options.Source.Stats()) // a client that left needs no answer
}

// writeCSV writes a line for each listener, target and target group.
func writeCSV(w io.Writer, stats Stats) error {
	if _, err := fmt.Fprintf(w, "# %s,\n", strings.Join(csvColumns, ",")); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	for i, l := range stats.Listeners {
		row := csvRow{"pxname": l.Name, "svname": "FRONTEND", "status": "OPEN", "type": csvListener, "pid": "1", "iid": strconv.Itoa(i + 1), "sid": "0"}
		if err := out.Write(row.cells()); err != nil {
			return err
		}
	}
	for i := range stats.TargetGroups {
		g := &stats.TargetGroups[i]
		id := strconv.Itoa(len(stats.Listeners) + i + 1)
		active, backup, up := 0, 0, 0
		changed := time.Time{}
		for j := range g.Targets {
			t := &g.Targets[j]
			row := counted(&t.Telemetry)
			row["pxname"], row["svname"], row["type"] = g.Name, t.ID, csvTarget
			row["status"], row["lastchg"] = csvStatus(t), seconds(stats.Time.Sub(t.Changed))
			row["scur"], row["weight"] = strconv.FormatInt(t.Outstanding, 10), strconv.Itoa(t.Weight)
			if t.MaxRequests > 0 {
				row["slim"] = strconv.Itoa(t.MaxRequests)
			}
			row["act"], row["bck"] = "1", "0"
			if t.Backup {
				row["act"], row["bck"] = "0", "1"
			}
			row["pid"], row["iid"], row["sid"] = "1", id, strconv.Itoa(j+1)
			row["last_chk"] = t.Description
			if t.State == targethealth.Healthy && t.Administrative == ActionReady {
				up++
				if t.Backup {
					backup++
				} else {
					active++
				}
			}
			if t.Changed.After(changed) {
				changed = t.Changed
			}
			if err := out.Write(row.cells()); err != nil {
				return err
			}
		}
		row := counted(&g.Telemetry)
		row["pxname"], row["svname"], row["type"] = g.Name, "BACKEND", csvGroup
		row["scur"], row["act"], row["bck"] = strconv.FormatInt(g.Outstanding, 10), strconv.Itoa(active), strconv.Itoa(backup)
		row["qcur"], row["wretr"] = strconv.FormatInt(g.Load.Queued, 10), strconv.FormatUint(g.Load.Retried, 10)
		if g.Load.QueueDepth > 0 {
			row["qlimit"] = strconv.Itoa(g.Load.QueueDepth) // HAProxy has one for each server, here it is the group's
		}
		// One that fails open serves, as HAProxy's allbackups does.
		row["status"] = "UP"
		if up == 0 && !g.FailOpen {
			row["status"] = "DOWN"
		}
		row["pid"], row["iid"], row["sid"] = "1", id, "0"
		if !changed.IsZero() {
			row["lastchg"] = seconds(stats.Time.Sub(changed))
		}
		if err := out.Write(row.cells()); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// cells are the row's, in the columns' order. HAProxy ends lines with a comma.
func (r csvRow) cells() []string {
	cells := make([]string, len(csvColumns)+1)
	for i, name := range csvColumns {
		cells[i] = r[name]
	}
	return cells
}

// counted fills in what was counted. rtime is the median of the last minute where HAProxy has
// the mean of the last 1024 answers; rate is that of the last ten seconds, where HAProxy has
// one's.
func counted(report *telemetry.Report) csvRow {
	t := &report.Totals
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	row := csvRow{
		"stot": number(t.Requests), "lbtot": number(t.Requests), "req_tot": number(t.Requests),
		"bin": number(t.ReceivedBytes), "bout": number(t.SentBytes),
		"econ": number(t.ConnectErrors), "eresp": number(t.Failed), "cli_abrt": number(t.ClientGone),
		"hrsp_1xx": number(t.Status1XX), "hrsp_2xx": number(t.Status2XX), "hrsp_3xx": number(t.Status3XX),
		"hrsp_4xx": number(t.Status4XX), "hrsp_5xx": number(t.Status5XX), "hrsp_other": "0",
	}
	for i := range report.Windows {
		w := &report.Windows[i]
		rate := strconv.FormatInt(int64(math.Round(w.Rate)), 10)
		if i == 0 {
			row["rate"], row["req_rate"] = rate, rate
		}
		if w.Seconds == 60 {
			row["rtime"] = strconv.FormatInt(int64(math.Round(w.P50)), 10)
		}
	}
	return row
}

// csvStatus is a target's state in HAProxy's words, which monitors compare with.
func csvStatus(t *TargetStats) string {
	if t.Administrative == ActionMaintenance {
		return "MAINT"
	}
	switch t.State {
	case targethealth.Healthy:
		if t.Administrative == ActionDrain {
			return "DRAIN"
		}
		return "UP"
	case targethealth.Draining:
		return "DRAIN"
	case targethealth.Unused, targethealth.Unavailable:
		return "no check"
	case targethealth.Initial, targethealth.Unhealthy:
	}
	return "DOWN"
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(max(d, 0)/time.Second), 10) }
