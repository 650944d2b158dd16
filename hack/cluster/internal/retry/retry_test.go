package retry

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestFor(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	tests := []struct {
		name     string
		ctx      context.Context
		patience time.Duration
		fails    int
		wantErr  bool
		wantTry  int
	}{
		{"at once", context.Background(), time.Minute, 0, false, 1},
		{"after a while", context.Background(), time.Minute, 2, false, 3},
		{"out of patience", context.Background(), 0, 1000, true, 1},
		{"called off", cancelled, time.Minute, 1000, true, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tries := 0
			err := For(test.ctx, test.patience, func() error {
				if tries++; tries > test.fails {
					return nil
				}
				return errors.New("not yet")
			})
			if (err != nil) != test.wantErr || tries < test.wantTry || (!test.wantErr && tries != test.wantTry) {
				t.Errorf("error %v after %d tries", err, tries)
			}
		})
	}
}
