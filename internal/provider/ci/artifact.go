package ci

import (
	"context"
	"io"
)

// MaxArtifact is how much of an artifact can be read, in bytes. A longer one is a problem of reason ResponseTooLarge.
const MaxArtifact = 32 << 20

// Archiver is a Provider that keeps files of its builds.
type Archiver interface {
	// Artifact reads a file that a build has archived, by its path below the folder of the artifacts: read gets the content once, while it
	// arrives. Errors of the server reach it as problems. Its own error is returned as it is. A file that the build does not have is a
	// problem of reason ArtifactNotFound, with the paths of similar ones.
	Artifact(ctx context.Context, handle Handle, path string, read func(content io.Reader) error) error
}
