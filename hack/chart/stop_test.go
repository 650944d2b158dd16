package main

import (
	"testing"

	"sigs.k8s.io/yaml"
)

// TestThePluginStopsNoEarlierThanTheManager: with component webhooks, a manager that is deleted works on for the time of its preStop.
func TestThePluginStopsNoEarlierThanTheManager(t *testing.T) {
	t.Parallel()
	config, err := readSources(repository)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := config.render([]string{"default"}, []string{"components/argocd", "components/webhooks"}, "")
	if err != nil {
		t.Fatal(err)
	}
	content, err := yaml.Marshal(rendered.byKey["Deployment/"+namespace+"/kubeops-manager"])
	if err != nil {
		t.Fatal(err)
	}
	var manager struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Lifecycle struct {
							PreStop struct{ Sleep struct{ Seconds int } }
						}
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(content, &manager); err != nil {
		t.Fatal(err)
	}
	containers := manager.Spec.Template.Spec.Containers
	if len(containers) != 2 {
		t.Fatalf("%d containers, want those of the manager and of the plugin", len(containers))
	}
	works := containers[0].Lifecycle.PreStop.Sleep.Seconds
	serves := containers[1].Lifecycle.PreStop.Sleep.Seconds
	if works == 0 || serves < works {
		t.Errorf("the manager works for %d s after its Pod is deleted, and the plugin serves it for %d s", works, serves)
	}
}
