package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
)

// purgePath is below the page's, where a browser's session goes.
const purgePath = pagePath + "/purge"

// Purged is the answer to a purge.
type Purged struct {
	// Answers is how many were dropped.
	Answers int `json:"answers"`
}

// purge drops what edge.cache keeps for the paths of the field path.
func (s *Server) purge(w http.ResponseWriter, r *http.Request, who visitor) {
	path := r.PostForm.Get("path")
	n, err := s.options.Source.Purge(path)
	about := []any{slog.String("user", who.user), slog.String("client", r.RemoteAddr), slog.String("path", path)}
	if err != nil {
		s.options.Logger.Warn("purge was refused", append(about, slog.Any("error", err))...)
		plain(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	s.options.Logger.Info("purged", append(about, slog.Int("answers", n))...)
	s.json(w, Purged{Answers: n})
}

// Purge drops, as User, what edge.cache keeps for a path, or with an asterisk at its end for all
// that begin so.
func (c Client) Purge(ctx context.Context, path string) (Purged, error) {
	var purged Purged
	body, err := c.do(ctx, http.MethodPost, purgePath, url.Values{"path": {path}}, http.StatusOK)
	if err != nil {
		return purged, err
	}
	if err := json.Unmarshal(body, &purged); err != nil {
		return purged, fmt.Errorf("read answer of %s: %w", c.Addr, err)
	}
	return purged, nil
}
