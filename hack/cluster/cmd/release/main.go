// Command release builds what a release consists of, from the sources of a checkout: images, the chart, the manifests, the command line
// for each platform, lists of components (SPDX), and checksums. Equal sources, Go and certificate authorities give equal files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/image"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// options of the command line.
type options struct {
	repository, output         string
	version, images, downloads string
	platforms, commandLine     string
	certificates               string
	onlyImages, validator      bool
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.StringVar(&o.repository, "repository", "../..", "`folder` of the checkout")
	flags.StringVar(&o.output, "output", "", "`folder` that is written; what is in it is removed (required)")
	flags.StringVar(&o.version, "version", "", "version, such as v1.2.3 (default v0.0.0-gCOMMIT)")
	flags.StringVar(&o.images, "images", "kubeops.local", "registry and folder of the images, in manifests and the chart")
	flags.StringVar(&o.downloads, "downloads", "https://kubeops.io/releases", "`URL` of VERSION/FILE in the Krew manifest")
	flags.StringVar(&o.platforms, "platforms", "linux/amd64,linux/arm64", "platforms of the images")
	flags.StringVar(&o.commandLine, "command-line", strings.Join(commandPlatforms(), ","), "platforms of the command line")
	flags.StringVar(&o.certificates, "certificates", image.Certificates, "`file` with the certificate authorities that the images trust")
	flags.BoolVar(&o.onlyImages, "only-images", false, "build the images, and nothing else")
	flags.BoolVar(&o.validator, "validator", false,
		"add kubeops-validator to the archives of the command line; compiles parts of Kubernetes for each platform")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || o.output == "" {
		return errors.New("usage: release --output FOLDER [FLAGS]; -h lists the flags")
	}
	r, err := newRelease(ctx, o, out)
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(r.output), os.MkdirAll(r.output, 0o755)); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(r.work) }() // what was built is in archives
	steps := []func(context.Context) error{
		r.writeImages, r.writeCommandLine, r.writeChart, r.writeManifests, r.writeSBOMs, r.writeChecksums,
	}
	if o.onlyImages {
		steps = steps[:1]
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// release is what all steps need.
type release struct {
	options
	commit  string
	created time.Time
	// work is a folder for binaries.
	work string
	out  io.Writer
	// binaries of each program that were built.
	binaries map[string][]binary
}

func newRelease(ctx context.Context, o options, out io.Writer) (*release, error) {
	r := &release{options: o, out: out, binaries: map[string][]binary{}}
	commit, err := command(ctx, o.repository, nil, "git", "log", "-1", "--format=%H %cI")
	if err != nil {
		return nil, err
	}
	hash, date, _ := strings.Cut(strings.TrimSpace(commit), " ")
	if r.created, err = time.Parse(time.RFC3339, date); err != nil {
		return nil, err
	}
	r.created = r.created.UTC()
	changes, err := command(ctx, o.repository, nil, "git", "status", "--porcelain")
	if err != nil {
		return nil, err
	}
	r.commit = hash
	if changes != "" { // the commit does not say what was built
		r.commit += "-dirty"
	}
	if r.version == "" {
		r.version = "v0.0.0-g" + hash[:12]
	}
	if !isVersion(r.version) {
		return nil, fmt.Errorf("--version %q is no semantic version such as v1.2.3 or v1.2.3-rc.1", r.version)
	}
	if err := errors.Join(checkPlatforms("platforms", r.platforms, imagePlatforms()),
		checkPlatforms("command-line", r.commandLine, commandPlatforms())); err != nil {
		return nil, err
	}
	for _, folder := range []*string{&r.repository, &r.output} {
		if *folder, err = filepath.Abs(*folder); err != nil {
			return nil, err
		}
	}
	if contains(r.output, r.repository) {
		return nil, fmt.Errorf("--output %s contains the checkout, and would be removed", r.output)
	}
	r.work = filepath.Join(r.output, ".build")
	return r, nil
}

// contains reports whether a folder is, or has below it, another one; both are absolute.
func contains(folder, other string) bool {
	const separator = string(filepath.Separator)
	return strings.HasPrefix(other+separator, strings.TrimSuffix(folder, separator)+separator)
}

// checkPlatforms checks the list of a flag.
func checkPlatforms(flag, list string, allowed []string) error {
	for platform := range strings.SplitSeq(list, ",") {
		if !slices.Contains(allowed, platform) {
			return fmt.Errorf("--%s %q: the platforms are %s", flag, platform, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// isVersion reports whether a text is v and a semantic version without build metadata, which tags of images cannot have.
func isVersion(text string) bool {
	return regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`).MatchString(text)
}

// say prints a file that was written.
func (r *release) say(path, more string) {
	if relative, err := filepath.Rel(r.output, path); err == nil {
		path = relative
	}
	fmt.Fprintf(r.out, "%-56s %s\n", path, more)
}

// megabytes is a size for people.
func megabytes(size int64) string { return fmt.Sprintf("%.1f MB", float64(size)/1e6) }
