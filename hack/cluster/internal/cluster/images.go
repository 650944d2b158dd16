package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"kubeops.io/kubeops/hack/cluster/internal/image"
	"kubeops.io/kubeops/hack/cluster/internal/node"
	"kubeops.io/kubeops/hack/cluster/internal/process"
	"kubeops.io/kubeops/hack/cluster/internal/render"
	"kubeops.io/kubeops/hack/cluster/internal/run"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

// ImageSource is the content of an image; exactly one field is set.
type ImageSource struct {
	// Archive is an image archive in the format of `docker save` or OCI.
	Archive string
	// Binary is a static program; Entrypoint replaces its path as the command line.
	Binary     string
	Entrypoint []string
	// Busybox selects the image with a shell and common small programs.
	Busybox bool
}

// LoadImage loads an image on the node, under a name with a tag.
func (c *Cluster) LoadImage(ctx context.Context, name string, source ImageSource) error {
	found, err := state.Load(c.place.State())
	if err != nil {
		return err
	}
	if found == nil || found.Phase != state.Running {
		return fmt.Errorf("cluster %s is not running; run `cluster up` first", c.place.Name)
	}
	if found.Node != state.Real {
		c.log.Say("Skipping image %s: cluster %s has no real node (node: %s) that uses it.", name, c.place.Name, found.Node)
		return nil
	}
	made, err := source.image()
	if err != nil {
		if source.Archive != "" { // not of docker save's kind; containerd knows others
			return c.importFile(ctx, found, name, source.Archive)
		}
		return err
	}
	if err := c.load(ctx, found, name, made); err != nil {
		return err
	}
	c.log.Say("Loaded image %[2]s into cluster %[1]s.", c.place.Name, name)
	return nil
}

func (s ImageSource) image() (v1.Image, error) {
	switch {
	case s.Archive != "":
		return image.Archive(s.Archive)
	case s.Binary != "":
		if !node.IsStatic(s.Binary) {
			return nil, fmt.Errorf("%s is not a static program; build it with CGO_ENABLED=0", s.Binary)
		}
		return image.Binary(s.Binary, s.Entrypoint)
	case s.Busybox:
		return image.Busybox(node.Busybox)
	}
	return nil, errors.New("set one of --file, --binary and --busybox")
}

// load imports an image while it is being built.
func (c *Cluster) load(ctx context.Context, s *state.State, name string, made v1.Image) error {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(image.Write(writer, name, made)) }()
	defer func() { _ = reader.Close() }() // ends the writer if the import failed
	return c.importArchive(ctx, s, reader)
}

func (c *Cluster) importFile(ctx context.Context, s *state.State, name, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return c.importArchive(ctx, s, file, "--index-name", name)
}

// importArchive imports an archive into containerd, from inside the node, where the path of the socket is short.
func (c *Cluster) importArchive(ctx context.Context, s *state.State, archive io.Reader, flags ...string) error {
	containerd, err := find(s, "containerd")
	if err != nil {
		return err
	}
	command := append(node.Enter(containerd.PID), "ctr", "--address", "/run/containerd/containerd.sock",
		"--namespace", "k8s.io", "images", "import", "--snapshotter", node.Snapshotter(c.place.Dir()))
	command = append(append(command, flags...), "-")
	return run.WithInput(ctx, archive, command[0], command[1:]...)
}

func (c *Cluster) loadFirstImages(ctx context.Context, s *state.State) error {
	for name, makeImage := range map[string]func(string) (v1.Image, error){
		render.PauseImage: image.Pause, render.BusyboxImage: image.Busybox,
	} {
		made, err := makeImage(node.Busybox)
		if err != nil {
			return err
		}
		if err := c.load(ctx, s, name, made); err != nil {
			return err
		}
	}
	return nil
}

// find returns the running process of a component.
func find(s *state.State, component string) (process.Process, error) {
	for _, p := range s.Processes {
		if p.Name == component && p.Alive() {
			return p, nil
		}
	}
	return process.Process{}, fmt.Errorf("%s is not running", component)
}
