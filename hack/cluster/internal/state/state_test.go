package state

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"kubeops.io/kubeops/hack/cluster/internal/process"
)

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	want := &State{
		Name: "dev", Phase: Running, Node: Real, NodeNames: []string{"dev-node-1"},
		Network:   &Network{HostIP: "10.213.0.1"},
		Processes: []process.Process{{Name: "etcd", PID: 7, Started: "12@boot"}},
	}
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v", got, err)
	}
}

func TestLoadOfNothingUseful(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(broken, []byte(`{"name": "de`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{broken, broken + ".not-there"} {
		if got, err := Load(path); got != nil || err != nil {
			t.Errorf("%s: got %v, error %v", path, got, err)
		}
	}
}
