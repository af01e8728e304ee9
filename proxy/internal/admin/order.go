package admin

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
)

// order carries out what an operator asks for: fields target_group, target, action, and weight
// for the action weight.
func (s *Server) order(w http.ResponseWriter, r *http.Request, who visitor) {
	o := Order{
		TargetGroup: r.PostForm.Get("target_group"), Target: r.PostForm.Get("target"),
		Action: r.PostForm.Get("action"), By: who.user,
	}
	if text := r.PostForm.Get("weight"); text != "" || o.Action == ActionWeight {
		var err error
		if o.Weight, err = strconv.Atoi(text); err != nil {
			plain(w, http.StatusUnprocessableEntity, "weight is no number")
			return
		}
	}
	change, err := s.options.Source.Order(o)
	about := []any{
		slog.String("user", who.user), slog.String("client", r.RemoteAddr), slog.String("target_group", o.TargetGroup),
		slog.String("target", o.Target), slog.String("action", o.Action),
	}
	if err != nil {
		s.options.Logger.Warn("operator's order was refused", append(about, slog.Any("error", err))...)
		status := http.StatusUnprocessableEntity
		if errors.Is(err, ErrNotFound) {
			status = http.StatusNotFound
		}
		plain(w, status, err.Error())
		return
	}
	s.options.Logger.Info("operator's order", append(about, slog.String("before", change.Before), slog.String("after", change.After))...)
	s.json(w, change)
}
