package cluster

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"kubeops.io/kubeops/hack/cluster/internal/filelock"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

// Status of a cluster, for people and programs.
type Status struct {
	Name string `json:"name"`
	// State is running, starting (or stopping), broken or absent.
	State string `json:"state"`
	// Reason describes what is broken.
	Reason     string         `json:"reason,omitempty"`
	Node       state.NodeKind `json:"node,omitempty"`
	Version    string         `json:"version,omitempty"`
	Server     string         `json:"server,omitempty"`
	Kubeconfig string         `json:"kubeconfig,omitempty"`
	Directory  string         `json:"directory"`
	Processes  []Process      `json:"processes,omitempty"`
	// MemoryBytes is the memory of the processes, without containers.
	MemoryBytes int64 `json:"memoryBytes,omitempty"`
}

// Process is one process of a running cluster.
type Process struct {
	Name        string `json:"name"`
	PID         int    `json:"pid"`
	Alive       bool   `json:"alive"`
	MemoryBytes int64  `json:"memoryBytes"`
}

// The values of Status.State.
const (
	StateRunning  = "running"
	StateStarting = "starting"
	StateBroken   = "broken"
	StateAbsent   = "absent"
)

// Status inspects the cluster without waiting.
func (c *Cluster) Status(ctx context.Context) (Status, error) {
	status := Status{Name: c.place.Name, State: StateAbsent, Directory: c.place.Dir()}
	found, err := state.Load(c.place.State())
	if err != nil || found == nil {
		return status, err
	}
	status.State = StateRunning
	status.Node = found.Node
	status.Version = found.Version
	status.Server, status.Kubeconfig = found.Server, found.Kubeconfig
	if err := c.health(ctx, found); err != nil {
		status.State = StateBroken
		status.Reason = err.Error()
		if filelock.Held(c.place.Lock()) {
			status.State = StateStarting
			status.Reason = "another command is using it"
		}
	}
	for _, p := range found.Processes {
		entry := Process{Name: p.Name, PID: p.PID, Alive: p.Alive()}
		if entry.Alive {
			entry.MemoryBytes = p.Memory()
		}
		status.Processes = append(status.Processes, entry)
		status.MemoryBytes += entry.MemoryBytes
	}
	return status, nil
}

// Print writes the status for people.
func (s Status) Print(out io.Writer) error {
	var text strings.Builder
	line := func(name, value string) {
		if value != "" {
			text.WriteString(name + ":\t" + value + "\n")
		}
	}
	line("name", s.Name)
	line("state", s.State)
	line("reason", s.Reason)
	line("node", string(s.Node))
	line("version", s.Version)
	line("server", s.Server)
	line("kubeconfig", s.Kubeconfig)
	line("folder", s.Directory)
	if len(s.Processes) > 0 {
		text.WriteString("\nPROCESS\tPID\tMEMORY\n")
	}
	for _, p := range s.Processes {
		memory := "not running"
		if p.Alive {
			memory = mebibytes(p.MemoryBytes)
		}
		text.WriteString(p.Name + "\t" + strconv.Itoa(p.PID) + "\t" + memory + "\n")
	}
	if s.MemoryBytes > 0 {
		text.WriteString("all\t\t" + mebibytes(s.MemoryBytes) + "\n")
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(table, text.String()); err != nil {
		return err
	}
	return table.Flush()
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>20) }
