package get

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
)

// follow prints the changes of all clusters until ctx ends. A watch that ends begins again where it was, or with a new list.
func (o *getOptions) follow(ctx context.Context, streams command.Streams, q query, members []connect.Member, answers []answer) error {
	rows := make(chan fleetRows)
	for i := range answers {
		if answers[i].problem == nil {
			go q.watch(ctx, answers[i], members[i], rows)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case changed := <-rows:
			o.printed.rows = nil
			o.printed.add(changed.cluster, changed.rows)
			if err := o.printed.print(streams.Out, false, o.width(streams)); err != nil {
				return err
			}
		}
	}
}

// fleetRows are rows of a cluster.
type fleetRows struct {
	cluster string
	rows    []metav1.TableRow
}

// watch sends changed rows until ctx ends.
func (q query) watch(ctx context.Context, a answer, m connect.Member, rows chan<- fleetRows) {
	const retry = time.Second
	from := a.table.ResourceVersion
	for ctx.Err() == nil {
		stream, err := q.request(a, from).Stream(ctx)
		if err == nil {
			from, err = copyRows(ctx, stream, a.cluster, from, rows)
			_ = stream.Close()
		}
		if errors.Is(err, errExpired) {
			if again := q.read(ctx, m); again.problem == nil {
				from = again.table.ResourceVersion
				send(ctx, rows, fleetRows{a.cluster, again.table.Rows})
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

// errExpired is a resource version that the server no longer has.
var errExpired = errors.New("the watch expired")

// copyRows sends the rows of a watch until it ends, and returns the last resource version.
func copyRows(ctx context.Context, stream io.Reader, cluster, from string, rows chan<- fleetRows) (string, error) {
	decoder := json.NewDecoder(stream)
	for {
		var event struct {
			Type   string       `json:"type"`
			Object metav1.Table `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			return from, err
		}
		if event.Type == "ERROR" {
			return from, errExpired
		}
		for _, row := range event.Object.Rows {
			if metadata := rowMetadata(row); metadata.ResourceVersion != "" {
				from = metadata.ResourceVersion
			}
		}
		send(ctx, rows, fleetRows{cluster, event.Object.Rows})
	}
}

func send(ctx context.Context, rows chan<- fleetRows, changed fleetRows) {
	select {
	case rows <- changed:
	case <-ctx.Done():
	}
}
