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
	"kubeops.io/kubeops/internal/remedy"
)

// reader is the state of one Read.
type reader struct {
	options Options
	builder *facts.Builder
	gaps    []facts.Gap
	// unread are the kinds of which documents may have objects that could not be read.
	unread    []facts.Kind
	counts    Counts
	positions map[objectKey]position
	// namespaces of the objects in the files.
	namespaces map[string]bool
	// patches are files that a kustomization applies to other objects.
	patches map[string]bool
	// opened files by absolute path.
	opened map[string]bool
	// unnamed counts objects without metadata.name, by the name used instead.
	unnamed map[objectKey]int
	// duplicates are objects that are defined more than once.
	duplicates map[facts.Ref][]position
	// operatorNamespaces have custom resources from which an operator may create workloads.
	operatorNamespaces map[string]bool
	// generatedSecrets are Secrets that controllers create from custom resources, with their owner.
	generatedSecrets map[facts.Ref]metav1.OwnerReference
	bytes            int64
	fields           fieldCache
	waiting          waiting
	// definitionsOnly ignores all objects but CustomResourceDefinitions, which are judged and nothing else.
	definitionsOnly bool
	// full is set when a limit is reached, flawed when an object has errors.
	full, flawed bool
}

func (r *reader) source(ctx context.Context, source string) error {
	if source == "-" {
		if r.options.Stdin == nil {
			return errors.New("stdin is not available")
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
		if isKustomization(path.Base(filepath.ToSlash(file))) {
			r.recordPatches(file)
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

// walk lists the manifests in a directory in a stable order. It follows symlinks to files within the directory only.
func (r *reader) walk(ctx context.Context, root string) ([]string, error) {
	var files, links []string
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.gap(slashed(file), 0, withoutPath(err), readAdvice)
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
			r.limitReached(fmt.Sprintf("%s has more than %d files", slashed(root), r.options.Limits.Files))
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	files = append(files, r.linkedFiles(root, files, links)...)
	slices.Sort(files)
	return files, nil
}

// linkedFiles returns the symlinks to regular files within the directory that are not in files.
func (r *reader) linkedFiles(root string, files, links []string) []string {
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
			r.gap(slashed(link), 0, "broken symlink.", "Remove the symlink, or restore its target.")
		case outside != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)):
			r.gap(slashed(link), 0, "symlink to a file outside the directory.", "Pass its target with another -f.")
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

// file reads one file, unless it was read before.
func (r *reader) file(ctx context.Context, file string) error {
	full, err := filepath.Abs(file)
	if err != nil || r.opened[full] || r.full {
		return nil // Abs fails only without a working directory
	}
	r.opened[full] = true
	if r.patches[full] {
		r.counts.Skipped++
		return nil
	}
	opened, err := os.Open(file)
	if err != nil {
		r.gap(slashed(file), 0, withoutPath(err), readAdvice)
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
		r.gap(file, 0, withoutPath(err), "")
		return nil
	}
	if int64(len(text)) > limits.FileBytes {
		r.gap(file, 0, fmt.Sprintf("larger than %d MiB, not read.", limits.FileBytes>>20),
			"Split the file, or exclude it. An object cannot exceed 1.5 MiB.")
		return nil
	}
	if r.bytes += int64(len(text)); r.bytes > limits.TotalBytes {
		r.limitReached(fmt.Sprintf("the files exceed %d MiB in total", limits.TotalBytes>>20))
		return nil
	}
	r.counts.Files++
	return r.documents(ctx, file, text)
}

// readAdvice is the remediation for files and directories that cannot be opened.
const readAdvice = "Grant the current user read permission."

// gap records that a file, or the document at a line, could not be read. Line 0 is the whole file.
func (r *reader) gap(file string, line int, message string, remediation remedy.Text) {
	source := file
	if line > 0 {
		source = fmt.Sprintf("%s:%d", file, line)
	} else {
		r.unread = facts.Kinds() // the whole file
	}
	r.gaps = append(r.gaps, facts.Gap{
		Source: source, Reason: v1alpha1.GapUnreadable, Message: source + ": " + message, Remediation: remediation,
	})
}

// limitReached stops reading and records why, once.
func (r *reader) limitReached(reason string) {
	if !r.full {
		r.full = true
		r.unread = facts.Kinds()
		r.gaps = append(r.gaps, facts.Gap{
			Source: "remaining files", Reason: v1alpha1.GapIncomplete, Message: "Reading stopped: " + reason + ".",
			Remediation: "Inspect the directories one by one.",
		})
	}
}

func slashed(file string) string { return path.Clean(filepath.ToSlash(file)) }

// withoutPath is the message of a file system error without its path, which the gap names already.
func withoutPath(err error) string {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err.Error() + "."
	}
	return err.Error() + "."
}
