package manifests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// reader holds what was read so far.
type reader struct {
	options Options
	builder *facts.Builder
	gaps    []facts.Gap
	counts  Counts
	places  map[place]position
	// namespaces that occur in the files.
	namespaces map[string]bool
	// patches are files that a kustomization applies to other objects: no objects by themselves.
	patches map[string]bool
	// opened are files that were read already, by their full path.
	opened map[string]bool
	// unnamed counts objects without a name of their own, by what stands for it.
	unnamed map[place]int
	// doubles are the objects that stand in the files more than once.
	doubles map[facts.Ref][]position
	// makers are namespaces with custom resources that an operator may make workloads of.
	makers map[string]bool
	// declared are Secrets that controllers make of custom resources, with what they are made of.
	declared map[facts.Ref]metav1.OwnerReference
	bytes    int64
	fields   fieldCache
	// full is set when a bound was met; flawed when a document was an object and could not be taken.
	full, flawed bool
}

func (r *reader) source(ctx context.Context, source string) error {
	if source == "-" {
		if r.options.Stdin == nil {
			return errors.New("there is nothing to read on standard input")
		}
		return r.content(ctx, "stdin", r.options.Stdin)
	}
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	if !info.IsDir() {
		return r.file(ctx, source)
	}
	files, err := r.walk(ctx, source)
	if err != nil {
		return err
	}
	for _, file := range files {
		if kustomization(path.Base(filepath.ToSlash(file))) {
			r.notePatches(file)
		}
	}
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read manifests: %w", err)
		}
		if err := r.file(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// walk lists the manifests of a directory in a fixed order. Links are followed to files only, and not out of the directory.
func (r *reader) walk(ctx context.Context, root string) ([]string, error) {
	var files, links []string
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.gap(slashed(file), 0, "cannot be read: "+plain(err), "Give the user that runs this the right to read it.")
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		name := entry.Name()
		switch {
		case entry.IsDir():
			if file != root && (r.options.Flat || strings.HasPrefix(name, ".") || name == "node_modules" || name == "vendor") {
				return fs.SkipDir
			}
		case strings.HasPrefix(name, ".") || !manifestName(name):
		case entry.Type()&fs.ModeSymlink != 0:
			links = append(links, file)
		case entry.Type().IsRegular():
			files = append(files, file)
		}
		if len(files) > r.options.Limits.Files {
			r.tooMuch(fmt.Sprintf("%s holds more than %d files", slashed(root), r.options.Limits.Files))
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	files = append(files, r.within(root, files, links)...)
	slices.Sort(files)
	return files, nil
}

// within keeps the links that lead to files of the directory which are not read anyway.
func (r *reader) within(root string, files, links []string) []string {
	if len(links) == 0 {
		return nil
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil
	}
	known := map[string]bool{}
	for _, file := range files {
		if target, err := filepath.EvalSymlinks(file); err == nil {
			known[target] = true
		}
	}
	var kept []string
	for _, link := range links {
		target, err := filepath.EvalSymlinks(link)
		relative, outside := filepath.Rel(real, target)
		switch {
		case err != nil:
			r.gap(slashed(link), 0, "is a link to nothing.", "Remove the link, or bring back what it names.")
		case outside != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)):
			r.gap(slashed(link), 0, "is a link that leads out of the directory.", "Name what it links to with a -f of its own.")
		case !known[target] && regular(target):
			known[target] = true
			kept = append(kept, link)
		}
	}
	return kept
}

func regular(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

func manifestName(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	default:
		return false
	}
}

// file reads one file; one that was read already is left out.
func (r *reader) file(ctx context.Context, file string) error {
	full, err := filepath.Abs(file)
	if err != nil || r.opened[full] || r.full {
		return nil // without a working directory no path can be compared, and none can be opened
	}
	r.opened[full] = true
	if r.patches[full] {
		r.counts.Skipped++
		return nil
	}
	opened, err := os.Open(file)
	if err != nil {
		r.gap(slashed(file), 0, "cannot be read: "+plain(err), "Give the user that runs this the right to read it.")
		return nil
	}
	defer func() { _ = opened.Close() }()
	return r.content(ctx, slashed(file), opened)
}

// content reads the documents of one file or stream.
func (r *reader) content(ctx context.Context, file string, from io.Reader) error {
	limits := r.options.Limits
	text, err := io.ReadAll(io.LimitReader(from, limits.FileBytes+1))
	if err != nil {
		r.gap(file, 0, "cannot be read: "+plain(err), "")
		return nil
	}
	if int64(len(text)) > limits.FileBytes {
		r.gap(file, 0, fmt.Sprintf("is larger than %d MiB, and was not read.", limits.FileBytes>>20), "Split the file, or leave it out: an object has at most 1.5 MiB.")
		return nil
	}
	if r.bytes += int64(len(text)); r.bytes > limits.TotalBytes {
		r.tooMuch(fmt.Sprintf("the files together are larger than %d MiB", limits.TotalBytes>>20))
		return nil
	}
	r.counts.Files++
	return r.documents(ctx, file, text)
}

// gap notes what could not be read; line 0 stands for the whole file.
func (r *reader) gap(file string, line int, message, remediation string) {
	source := file
	if line > 0 {
		source = fmt.Sprintf("%s:%d", file, line)
	}
	r.gaps = append(r.gaps, facts.Gap{
		Source: source, Reason: v1alpha1.GapUnreadable, Message: source + " " + message, Remediation: remediation,
	})
}

// tooMuch notes, once, that a bound of all reading was met.
func (r *reader) tooMuch(why string) {
	if !r.full {
		r.full = true
		r.gaps = append(r.gaps, facts.Gap{
			Source: "further files", Reason: v1alpha1.GapIncomplete, Message: "Not all was read: " + why + ".",
			Remediation: "Inspect the folders one by one.",
		})
	}
}

func slashed(file string) string { return path.Clean(filepath.ToSlash(file)) }

// plain is an error of the file system without the path, which is told before it.
func plain(err error) string {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err.Error() + "."
	}
	return err.Error() + "."
}
