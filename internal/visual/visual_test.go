package visual_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/visual"
)

// TestEveryPanelCanBeReadAndStandsOnTheGrid holds what Grafana does not check on import.
func TestEveryPanelCanBeReadAndStandsOnTheGrid(t *testing.T) {
	t.Parallel()
	for _, d := range visual.Dashboards() {
		content, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		var model struct {
			UID    string
			Panels []struct {
				ID                       int
				Type, Title, Description string
				GridPos                  struct{ X, Y, W, H int }
				Targets                  []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(content, &model); err != nil {
			t.Fatal(err)
		}
		if model.UID == "" || len(model.UID) > 40 {
			t.Errorf("%s: the uid %q must have 1 to 40 characters", d.Name, model.UID)
		}
		ids := map[int]bool{}
		taken := map[[2]int]string{}
		for _, p := range model.Panels {
			if ids[p.ID] {
				t.Errorf("%s: id %d is there twice", d.Name, p.ID)
			}
			ids[p.ID] = true
			if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W == 0 || p.GridPos.H == 0 {
				t.Errorf("%s, %s: outside of the grid: %+v", d.Name, p.Title, p.GridPos)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other, covered := taken[[2]int{x, y}]; covered {
						t.Fatalf("%s: %s covers %s", d.Name, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Type == "row" {
				continue
			}
			if p.Description == "" || len(p.Targets) == 0 || p.Targets[0].Expr == "" {
				t.Errorf("%s, %s: a panel needs a meaning and a query", d.Name, p.Title)
			}
		}
	}
}

func TestGeneratedFilesParseAndSpeakOfOneNamespace(t *testing.T) {
	t.Parallel()
	files, err := visual.Files()
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for path, content := range files {
		if strings.HasSuffix(path, ".json") {
			continue
		}
		for _, document := range strings.Split(string(content), "\n---\n") {
			var o struct {
				Kind     string
				Metadata struct{ Name, Namespace string }
			}
			if err := yaml.Unmarshal([]byte(document), &o); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if o.Metadata.Name == "" || o.Metadata.Namespace != "kubeops-system" {
				t.Errorf("%s: %s has no name or another namespace", path, o.Kind)
			}
			kinds = append(kinds, o.Kind)
		}
	}
	slices.Sort(kinds)
	want := slices.Repeat([]string{"GrafanaDashboard"}, len(visual.Dashboards()))
	want = append(want, "PrometheusRule", "ServiceMonitor", "VMRule", "VMServiceScrape")
	if !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}
