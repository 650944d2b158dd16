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

// ImageSource is what an image is made of: just one of the three.
type ImageSource struct {
	// Archive is an image archive, as `docker save` or an OCI tool writes it.
	Archive string
	// Binary is a static program, and Entrypoint the command line instead of just its path.
	Binary     string
	Entrypoint []string
	// Busybox asks for a shell and the usual small programs.
	Busybox bool
}

// LoadImage puts an image on the cluster's node under a name with a tag.
func (c *Cluster) LoadImage(ctx context.Context, name string, source ImageSource) error {
	found, err := state.Load(c.place.State())
	if err != nil {
		return err
	}
	if found == nil || found.Phase != state.Running {
		return fmt.Errorf("the cluster %s does not run: `cluster up` first", c.place.Name)
	}
	if found.Node != state.Real {
		c.log.Say("Nothing to do for %s: the cluster %s has no real node (node: %s), so no image is ever looked at.", name, c.place.Name, found.Node)
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
	c.log.Say("The cluster %s has the image %s now.", c.place.Name, name)
	return nil
}

func (s ImageSource) image() (v1.Image, error) {
	switch {
	case s.Archive != "":
		return image.Archive(s.Archive)
	case s.Binary != "":
		if !node.IsStatic(s.Binary) {
			return nil, fmt.Errorf("%s is not a static program (build it with CGO_ENABLED=0)", s.Binary)
		}
		return image.Binary(s.Binary, s.Entrypoint)
	case s.Busybox:
		return image.Busybox(node.Busybox)
	}
	return nil, errors.New("an image of what? --file, --binary or --busybox, please")
}

// load imports an image; it is made while it is read.
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

// importArchive feeds an archive to the node's containerd, from within the node, where the socket's path is short.
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

// find gives the running process of a component.
func find(s *state.State, component string) (process.Process, error) {
	for _, p := range s.Processes {
		if p.Name == component && p.Alive() {
			return p, nil
		}
	}
	return process.Process{}, fmt.Errorf("%s does not run", component)
}
