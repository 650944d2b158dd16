package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/names"
)

const (
	// manifestFile describes a backup.
	manifestFile = "kubeops-backup.yaml"
	// formatVersion of the folder. A later one cannot be restored by this program.
	formatVersion = 1
	// maxFile is the size of a file that is read, in bytes. An object of the API server has at most 1.5 MiB.
	maxFile = 4 << 20
	// extension of files with objects.
	extension = ".yaml"
)

// manifest is the content of the file kubeops-backup.yaml. It has no time, so that a backup of what is unchanged is unchanged.
type manifest struct {
	// Format of the folder.
	Format int `json:"format"`
	// APIVersion of the objects.
	APIVersion string `json:"apiVersion"`
	// Program is the version of kubeops that wrote the backup.
	Program string `json:"program"`
	// Namespaces that it is limited to; empty for all.
	Namespaces []string `json:"namespaces,omitempty"`
	// CRDs are the hashes of the CustomResourceDefinitions of the cluster, by name. Empty if they could not be read.
	CRDs map[string]string `json:"crds,omitempty"`
}

// kinds of a backup in the order in which they are restored: what others refer to comes first. Records of what happened are left out: a
// report, a run or an approval is not made again by its object.
func kinds() []connect.ResourceKind {
	order := []string{
		"ManagedCluster", "MetricsBackend", "LogBackend", "AIProvider", "NotificationChannel", "CIProvider", "CDProvider", "Inspection",
		"ResourceBundle", "Pipeline",
	}
	all := append(connect.ReconciledKinds(), connect.PipelineKind())
	slices.SortFunc(all, func(a, b connect.ResourceKind) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	return all
}

// objectsFolder is the folder of all objects.
func objectsFolder() string { return v1alpha1.GroupVersion().String() }

// fileOf an object: a folder for each namespace, and in it one for each resource.
func fileOf(namespace, resource, name string) string {
	return path.Join(objectsFolder(), namespace, resource, name+extension)
}

// folder is the folder of a backup. Nothing outside of it is read or written, whatever links are in it.
type folder struct{ root *os.Root }

// createFolder opens a folder to write a backup to. It has a backup, is empty, or does not exist.
func createFolder(name string) (*folder, error) {
	if err := os.MkdirAll(name, 0o755); err != nil {
		return nil, fmt.Errorf("create the folder of the backup: %w", err)
	}
	f, err := openFolder(name)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") }) {
		if _, err = f.manifest(); err != nil {
			err = fmt.Errorf("folder %s has other files: use an empty one, or that of an earlier backup (%w)", name, err)
		}
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// openFolder opens the folder of a backup.
func openFolder(name string) (*folder, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the backup: %w", err)
	}
	return &folder{root}, nil
}

func (f *folder) close() { _ = f.root.Close() } // every file was closed

// manifest of the backup in the folder.
func (f *folder) manifest() (*manifest, error) {
	content, err := f.read(manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: this is not the folder of a backup", manifestFile)
	}
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	if err := yaml.Unmarshal(content, m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	if m.Format != formatVersion || m.APIVersion != v1alpha1.GroupVersion().String() {
		return nil, fmt.Errorf("%s: format %d with objects of %s is unknown to this kubeops, which reads format %d of %s; use the kubeops "+
			"that wrote it (%s)", manifestFile, m.Format, m.APIVersion, formatVersion, v1alpha1.GroupVersion(), m.Program)
	}
	return m, nil
}

// read a file of at most maxFile bytes.
func (f *folder) read(name string) ([]byte, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return content, nil
}

// write a file, unless it has this content. A reader sees the old or the new content. It reports whether the file changed.
func (f *folder) write(name string, value any) (changed bool, err error) {
	content, err := yaml.Marshal(value)
	if err != nil {
		return false, err
	}
	if before, err := f.read(name); err == nil && bytes.Equal(before, content) {
		return false, nil
	}
	if err := f.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return false, fmt.Errorf("create the folder of %s: %w", name, err)
	}
	temporary := name + ".new"
	if err := f.root.WriteFile(temporary, content, 0o644); err != nil {
		return false, fmt.Errorf("write %s: %w", name, err)
	}
	return true, f.root.Rename(temporary, name)
}

// files of objects in the folder, in order. With namespaces, only theirs.
func (f *folder) files(namespaces []string) (list []string, err error) {
	err = fs.WalkDir(f.root.FS(), objectsFolder(), func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == objectsFolder() {
			return nil // a backup without objects
		}
		if err != nil {
			return err
		}
		parts := strings.Split(strings.TrimPrefix(name, objectsFolder()+"/"), "/")
		if !entry.IsDir() && path.Ext(name) == extension && (len(namespaces) == 0 || slices.Contains(namespaces, parts[0])) {
			list = append(list, name)
		}
		return nil
	})
	return list, err
}

// prune removes the files that no object has any more.
func (f *folder) prune(namespaces []string, written map[string]bool) (removed int, err error) {
	files, err := f.files(namespaces)
	if err != nil {
		return 0, err
	}
	for _, name := range files {
		if written[name] {
			continue
		}
		if err := f.root.Remove(name); err != nil {
			return removed, err
		}
		removed++
		for parent := path.Dir(name); parent != objectsFolder(); parent = path.Dir(parent) {
			if f.root.Remove(parent) != nil {
				break // it is not empty
			}
		}
	}
	return removed, nil
}

// object reads a file, which must have the object that its path says.
func (f *folder) object(name string) (*unstructured.Unstructured, error) {
	content, err := f.read(name)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(content, &object.Object); err != nil {
		return nil, err
	}
	if err := errors.Join(names.Namespace("metadata.namespace", object.GetNamespace()),
		names.Object("metadata.name", object.GetKind(), object.GetName())); err != nil {
		return nil, err
	}
	resource := path.Base(path.Dir(name))
	if object.GetAPIVersion() != v1alpha1.GroupVersion().String() || fileOf(object.GetNamespace(), resource, object.GetName()) != name {
		return nil, fmt.Errorf("the file has %s %s %s/%s, and so does not belong there", object.GetAPIVersion(), object.GetKind(),
			object.GetNamespace(), object.GetName())
	}
	return object, nil
}
