// Package serverclock compares the clock of this machine with that of an API server. Leases, schedules and tokens need the same time.
package serverclock

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
)

const (
	// MaxSkew is how far two clocks may be apart.
	MaxSkew = 30 * time.Second
	// precision of the difference: times of an API server are whole seconds, and a request takes its time.
	precision = 10 * time.Second
	// maxVersion is the size of the response that is read, in bytes.
	maxVersion = 64 << 10
)

// Client reads the version and the clock of an API server.
type Client struct {
	http *http.Client
	url  string
}

// NewClient connects to nothing yet.
func NewClient(config *rest.Config) (*Client, error) {
	caller, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	return &Client{http: caller, url: base.JoinPath("version").String()}, nil
}

// Read the version of the API server, and the time by its clock. The time is zero if the response has none.
func (c *Client) Read(ctx context.Context) (info version.Info, at time.Time, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, http.NoBody)
	if err != nil {
		return info, at, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return info, at, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	content, err := io.ReadAll(io.LimitReader(response.Body, maxVersion))
	if err != nil {
		return info, at, err
	}
	if response.StatusCode != http.StatusOK || json.Unmarshal(content, &info) != nil {
		return info, at, fmt.Errorf("the response to GET /version is %s, and not that of an API server", response.Status)
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil { // a proxy can remove it
		at = date
	}
	return info, at, nil
}

// Skew is how far a clock is ahead of that of the API server, in steps of 10 seconds; negative if it is behind.
func Skew(own, server time.Time) time.Duration { return own.Sub(server).Round(precision) }

// Describe a skew, before "the clock of the API server".
func Describe(skew time.Duration) string {
	if skew < 0 {
		return fmt.Sprintf("%s behind", -skew)
	}
	return fmt.Sprintf("%s ahead of", skew)
}
