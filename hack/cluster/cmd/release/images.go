package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"kubeops.io/kubeops/hack/cluster/internal/image"
)

// maxImageBytes is the compressed size that an image of a platform may have.
const maxImageBytes = 60e6

// imagePrograms are the programs that have an image. Workers and the dashboard are the manager with another first argument.
func imagePrograms() []string { return []string{"manager", "argocd-provider"} }

// writeImages writes an OCI layout of each program as an archive.
func (r *release) writeImages(ctx context.Context) error {
	for _, program := range imagePrograms() {
		var binaries []binary
		for platform := range strings.SplitSeq(r.platforms, ",") {
			b, err := r.build(ctx, program, platform)
			if err != nil {
				return err
			}
			binaries = append(binaries, b)
		}
		path := filepath.Join(r.output, "images", program+"-"+r.version+".oci.tar")
		digest, err := r.writeImage(program, binaries, path)
		if err != nil {
			return fmt.Errorf("image of %s: %w", program, err)
		}
		r.say(path, digest.String())
	}
	return nil
}

// writeImage writes an index with an image of each binary, and returns its digest.
func (r *release) writeImage(program string, binaries []binary, path string) (v1.Hash, error) {
	index := mutate.IndexMediaType(v1.ImageIndex(empty.Index), types.OCIImageIndex)
	for _, b := range binaries {
		made, err := image.Program{
			Path: b.path, Architecture: b.architecture(), Certificates: r.certificates,
			Created: r.created, Labels: r.labels(program),
		}.Image()
		if err != nil {
			return v1.Hash{}, err
		}
		made = mutate.ConfigMediaType(mutate.MediaType(made, types.OCIManifestSchema1), types.OCIConfigJSON)
		size, err := compressed(made)
		if err != nil {
			return v1.Hash{}, err
		}
		if size > maxImageBytes {
			return v1.Hash{}, fmt.Errorf("%s has %s compressed, more than %s", b.platform, megabytes(size), megabytes(maxImageBytes))
		}
		r.say(program+" "+b.platform, megabytes(size)+" compressed")
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: b.system(), Architecture: b.architecture()}},
		})
	}
	digest, err := index.Digest()
	if err != nil {
		return digest, err
	}
	folder := strings.TrimSuffix(path, ".tar")
	defer func() { _ = os.RemoveAll(folder) }() // only the archive of it is kept
	reference := r.images + "/" + program + ":" + r.version
	annotations := map[string]string{"org.opencontainers.image.ref.name": r.version, "io.containerd.image.name": reference}
	written, err := layout.Write(folder, empty.Index)
	if err != nil {
		return digest, err
	}
	if err := written.AppendIndex(index, layout.WithAnnotations(annotations)); err != nil {
		return digest, err
	}
	return digest, tarFolder(path, folder, r.created)
}

// labels of an image.
func (r *release) labels(program string) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title": "kubeops " + program, "org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.version": r.version, "org.opencontainers.image.revision": r.commit,
		"org.opencontainers.image.created": r.created.Format(time.RFC3339),
	}
}

// compressed is the size of the layers in bytes, as a registry has them.
func compressed(made v1.Image) (total int64, err error) {
	layers, err := made.Layers()
	if err != nil {
		return 0, err
	}
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return 0, err
		}
		total += size
	}
	return total, nil
}
