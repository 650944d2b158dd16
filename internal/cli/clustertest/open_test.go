package clustertest

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestOpenPrintsTheAddressOfAReport(t *testing.T) {
	s := withReports(t)
	browser := t.TempDir()
	opened := filepath.Join(browser, "opened")
	name := map[bool]string{true: "open", false: "xdg-open"}[runtime.GOOS == "darwin"]
	if err := os.WriteFile(filepath.Join(browser, name), []byte("#!/bin/sh\nprintf %s \"$1\" > "+opened+"\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", browser+":/bin:/usr/bin")
	const local = "http://127.0.0.1:8090"
	latest, first := "/inspections/"+s.Namespace+"/i", "/reports/"+s.Namespace+"/i-first"
	for argument, want := range map[string]string{
		"": local + latest, "i": local + latest, "insp/i": local + latest, "i-first": local + first, "report/i-first": local + first,
	} {
		args := []string{"open", "report"}
		if argument != "" {
			args = append(args, argument)
		}
		out := s.wants(0, nil, args...)
		content, err := os.ReadFile(opened)
		if strings.TrimSpace(out) != want || err != nil || string(content) != want {
			t.Errorf("%q: printed %q and opened %q (%v), want %s", argument, out, content, err, want)
		}
	}
	if err := os.Remove(opened); err != nil {
		t.Fatal(err)
	}
	s.wants(0, []string{"https://kubeops.example.com/base" + latest}, "open", "report", "i", "--print", "--dashboard-url", "https://kubeops.example.com/base/")
	t.Setenv("KUBEOPS_DASHBOARD_URL", "http://kubeops:1")
	s.wants(0, []string{"http://kubeops:1" + latest}, "open", "report", "i", "--print")
	if _, err := os.Stat(opened); err == nil {
		t.Error("--print opened the browser")
	}
	for _, address := range []string{"kubeops:8090", "javascript:alert(1)", "http://", "file:///etc/passwd"} {
		s.wants(2, []string{"invalid --dashboard-url", local}, "open", "report", "i", "--dashboard-url", address)
	}
	s.wants(2, []string{`InspectionReport "none" not found`}, "open", "report", "report/none")
	t.Setenv("PATH", t.TempDir())
	s.wants(0, []string{latest, "no browser was opened"}, "open", "report", "i")
}
