package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func groupVersion(kind facts.Kind) (schema.GroupVersion, error) {
	return schema.ParseGroupVersion(kind.APIVersion())
}

func lengthOf(list runtime.Object) (int, string, error) {
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return 0, "", err
	}
	return meta.LenList(list), accessor.GetContinue(), nil
}

// cost of one process.
type cost struct {
	WallSeconds float64 `json:"wallSeconds"`
	CPUSeconds  float64 `json:"cpuSeconds"`
	PeakMiB     float64 `json:"peakMiB"`
}

func (c cost) String() string {
	return fmt.Sprintf("%.2f s, %.2f CPU s, %.0f MiB", c.WallSeconds, c.CPUSeconds, c.PeakMiB)
}

// result for one size of cluster.
type result struct {
	Pods     int            `json:"pods"`
	Objects  int            `json:"objects"`
	Rounds   int            `json:"rounds"`
	Floor    cost           `json:"floor"`
	Inspect  cost           `json:"inspect"`
	Against  *cost          `json:"against,omitempty"`
	Requests map[string]int `json:"requests"`
	// LogSeconds are those of the run that counts requests in which it reads logs; they are part of the inspection's wall time.
	LogSeconds float64 `json:"logSeconds"`
	Verdict    verdict `json:"verdict"`
	Findings   int     `json:"findings"`
	Checks     int     `json:"checks"`
}

type measurement struct {
	config              *rest.Config
	kubeconfig, program string
	// against is another build of the command line, measured in the same rounds; empty measures only one.
	against string
	rounds  int
}

// run measures baseline and inspection in turn, so a busy machine affects both, and then counts the requests of another
// inspection.
func (m measurement) run(ctx context.Context, w world, out string) error {
	r := result{Pods: w.expectedPods(), Rounds: m.rounds}
	var floors, inspections, others []cost
	var report v1alpha1.InspectionReport
	for round := range m.rounds {
		read, spent, err := m.floor(ctx)
		if err != nil {
			return err
		}
		r.Objects = read.Objects
		floors = append(floors, spent)
		text := fmt.Sprintf("round %d: floor %s", round+1, spent)
		if report, spent, err = m.inspect(ctx, m.program); err != nil {
			return err
		}
		inspections = append(inspections, spent)
		text += fmt.Sprintf("; inspection %s", spent)
		if m.against != "" {
			if _, spent, err = m.inspect(ctx, m.against); err != nil {
				return err
			}
			others = append(others, spent)
			text += fmt.Sprintf("; other build %s", spent)
		}
		say("%s", text)
	}
	r.Floor, r.Inspect = median(floors), median(inspections)
	if m.against != "" {
		other := median(others)
		r.Against = &other
	}
	r.Findings = int(report.Summary.Counts.Total())
	r.Checks = int(report.Summary.ChecksRun)
	r.Verdict = judge(w, &report)
	counts, logs, err := countRequests(ctx, m)
	if err != nil {
		return err
	}
	r.Requests = counts
	r.LogSeconds = logs.Seconds()
	return save(r, out)
}

// floor measures the baseline.
func (m measurement) floor(ctx context.Context) (floorResult, cost, error) {
	self, err := os.Executable()
	if err != nil {
		return floorResult{}, cost{}, err
	}
	text, spent, err := spend(ctx, self, "floor", "--kubeconfig", m.kubeconfig)
	if err != nil {
		return floorResult{}, cost{}, err
	}
	var read floorResult
	err = json.Unmarshal(text, &read)
	return read, spent, err
}

// inspect measures an inspection of the whole cluster by a build of the command line.
func (m measurement) inspect(ctx context.Context, program string) (v1alpha1.InspectionReport, cost, error) {
	var report v1alpha1.InspectionReport
	text, spent, err := spend(ctx, program, "inspect", "-A", "-o", "json", "--kubeconfig", m.kubeconfig, "--startup-grace", "1s")
	if err != nil {
		return report, cost{}, err
	}
	err = json.Unmarshal(text, &report)
	return report, spent, err
}

// median of the costs, for each of their parts.
func median(costs []cost) cost {
	middle := func(of func(cost) float64) float64 {
		values := make([]float64, 0, len(costs))
		for _, c := range costs {
			values = append(values, of(c))
		}
		slices.SortFunc(values, cmp.Compare)
		return values[len(values)/2]
	}
	return cost{
		WallSeconds: middle(func(c cost) float64 { return c.WallSeconds }),
		CPUSeconds:  middle(func(c cost) float64 { return c.CPUSeconds }),
		PeakMiB:     middle(func(c cost) float64 { return c.PeakMiB }),
	}
}

// spend runs a program and returns its output and cost. Peak memory is VmHWM, read while it runs: the value that wait
// returns includes the moment in which the child was a copy of this program.
func spend(ctx context.Context, program string, args ...string) ([]byte, cost, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, cost{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var peak float64
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return nil, cost{}, fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, errs.String())
			}
			usage := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			return out.Bytes(), cost{WallSeconds: time.Since(start).Seconds(), CPUSeconds: usage.Seconds(), PeakMiB: peak}, nil
		case <-tick.C:
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
}

// highWater returns VmHWM of a process in MiB, or 0 if it has ended or the system does not report it.
func highWater(pid int) float64 {
	file, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			if err != nil {
				return 0
			}
			return kib / 1024
		}
	}
	return 0
}

func save(r result, out string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if out == "" {
		_, err = fmt.Println(string(text))
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}
