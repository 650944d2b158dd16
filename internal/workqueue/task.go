package workqueue

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/runner"
)

const (
	// protocol is the version of messages and results. A worker leaves parts of another version to others.
	protocol = 1
	// maxTask and maxResult bound a message and an unpacked result, in bytes. A report has 512 KiB at most, and what is kept of a cluster
	// of 10,000 workloads to compare it with others some MiB.
	maxTask   = 4 << 10
	maxResult = 16 << 20
	// maxDeadline of a part: no spec can have a longer one.
	maxDeadline = time.Hour
)

// task is a part in a message: what it is, and where to read all else.
type task struct {
	Protocol   int
	Namespace  string
	Name       string
	UID        types.UID
	Generation int64
	// Run is the name of the report.
	Run string
	// Part is nil for an Inspection without spec.clusters.
	Part *fleet.Part `json:",omitempty"`
}

func taskOf(work runner.Work) task {
	i := work.Inspection
	return task{
		Protocol: protocol, Namespace: i.Namespace, Name: i.Name, UID: i.UID, Generation: i.Generation, Run: work.Run, Part: work.Part,
	}
}

// id of a part: the same for each attempt of a run, and another one for another spec.
func (t *task) id() string {
	cluster := ""
	if t.Part != nil {
		cluster = "/" + t.Part.Cluster
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d %q %q", t.Namespace, t.Name, t.UID, t.Generation, t.Run, cluster))
	const size = 16
	return hex.EncodeToString(sum[:size])
}

// errProtocol is a part for workers of another version.
var errProtocol = errors.New("the part is of another version of the manager")

// decodeTask reads a message, which anyone with access to the queue may have written.
func decodeTask(message []byte) (task, error) {
	var t task
	if len(message) > maxTask {
		return t, fmt.Errorf("the message has %d bytes, above the maximum of %d", len(message), maxTask)
	}
	if err := json.Unmarshal(message, &t); err != nil {
		return t, errors.New("the message is not JSON of a part")
	}
	if t.Protocol != protocol {
		return t, errProtocol
	}
	err := errors.Join(names.Namespace("namespace", t.Namespace), names.Object("name", "Inspection", t.Name))
	if part := t.Part; part != nil {
		err = errors.Join(err, names.Object("part.cluster", "ManagedCluster", part.Cluster))
		if part.Deadline <= 0 || part.Deadline > maxDeadline || part.Clusters < 1 || part.Clusters > v1alpha1.MaxInspectedClusters {
			err = errors.Join(err, errors.New("the deadline or the number of clusters is out of range"))
		}
	}
	return t, err
}

// encodeOutcome packs a result.
func encodeOutcome(outcome runner.Outcome) ([]byte, error) {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(json.NewEncoder(writer).Encode(outcome), writer.Close()); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// decodeOutcome unpacks a result, of at most maxResult bytes.
func decodeOutcome(packed []byte) (runner.Outcome, error) {
	var outcome runner.Outcome
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return outcome, errors.New("the result is not compressed with gzip")
	}
	content, err := io.ReadAll(io.LimitReader(reader, maxResult+1))
	switch {
	case err != nil:
		return outcome, errors.New("the result cannot be unpacked")
	case len(content) > maxResult:
		return outcome, fmt.Errorf("the result has more than %d bytes", maxResult)
	}
	if err := json.Unmarshal(content, &outcome); err != nil {
		return outcome, errors.New("the result is not JSON of an outcome")
	}
	if outcome.Problem == nil && outcome.Report == nil {
		return outcome, errors.New("the result has neither a report nor a problem")
	}
	return outcome, nil
}
