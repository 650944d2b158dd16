package lines

import (
	"context"
	"hash/maphash"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
)

// Follower follows new lines by polling. It needs nothing but searches, which go through the one client with
// all its limits; the streams that servers offer for this are open forever, and no deadline or size would hold there.
type Follower struct {
	// Search of the backend.
	Search func(ctx context.Context, query logs.Query) (logs.Page, error)
	// Every is the time between two looks. Default 1s.
	Every time.Duration
	// Late is how much later than its time a line may come and still be seen. Default 10s.
	Late time.Duration
	// Ahead is how far in the future the time of a line may be. Default 10m.
	Ahead time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// seenLimit bounds the memory of lines that were delivered already. Where more lines than that come within Late, some may
// be delivered twice.
const seenLimit = 200_000

// Follow calls each for every new line, in the order of their time within one look, until the context ends, which is no error,
// or a search or each fails. Lines that are alike in time, text and labels are delivered once.
func (f Follower) Follow(ctx context.Context, query logs.Query, each func(logs.Entry) error) error {
	f = f.defaulted()
	begin := query.Start
	if begin.IsZero() {
		begin = f.Now()
	}
	seen := &memory{seed: maphash.MakeSeed(), at: map[uint64]time.Time{}}
	ticker := time.NewTicker(f.Every)
	defer ticker.Stop()
	for from := begin; ; {
		now := f.Now()
		if err := f.look(ctx, query, from, now.Add(f.Ahead), seen, each); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if from = now.Add(-f.Late); from.Before(begin) {
			from = begin
		}
		seen.forget(from)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (f Follower) defaulted() Follower {
	if f.Every <= 0 {
		f.Every = time.Second
	}
	if f.Late <= 0 {
		f.Late = 10 * time.Second
	}
	if f.Ahead <= 0 {
		f.Ahead = 10 * time.Minute
	}
	if f.Now == nil {
		f.Now = time.Now
	}
	return f
}

// look reads all pages of a time once.
func (f Follower) look(ctx context.Context, query logs.Query, from, to time.Time, seen *memory, each func(logs.Entry) error) error {
	query.Start = from
	query.End = to
	query.Backward = false
	query.Cursor = ""
	query.Limit = 1000
	for {
		page, err := f.Search(ctx, query)
		if err != nil {
			return err
		}
		for _, entry := range page.Entries {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !seen.add(entry) {
				continue
			}
			if err := each(entry); err != nil {
				return err
			}
		}
		if query.Cursor = page.Next; query.Cursor == "" {
			return nil
		}
	}
}

// memory of delivered lines, by hash.
type memory struct {
	seed maphash.Seed
	at   map[uint64]time.Time
}

// add says whether the line is new.
func (m *memory) add(entry logs.Entry) bool {
	var hash maphash.Hash
	hash.SetSeed(m.seed)
	_, _ = hash.WriteString(entry.Time.UTC().Format(time.RFC3339Nano))
	_, _ = hash.WriteString(entry.Line)
	for _, text := range flat(entry.Labels) {
		_ = hash.WriteByte(0)
		_, _ = hash.WriteString(text)
	}
	sum := hash.Sum64()
	if _, known := m.at[sum]; known {
		return false
	}
	if len(m.at) < seenLimit {
		m.at[sum] = entry.Time
	}
	return true
}

// forget lines that no look reads again.
func (m *memory) forget(before time.Time) {
	for sum, at := range m.at {
		if at.Before(before) {
			delete(m.at, sum)
		}
	}
}
