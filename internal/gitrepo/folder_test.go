package gitrepo

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/testkit/gitserver"
)

// snapshot of a ref of a test server.
func snapshot(t *testing.T, r *Repository, ref Ref) *Snapshot {
	t.Helper()
	s, err := r.Snapshot(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func folderOf(path string) Folder {
	return Folder{Path: path, Suffixes: []string{".yaml", ".yml"}, MaxFiles: 10, MaxBytes: 4 << 20}
}

// paths of files, with a mark on those that were refused.
func paths(files []File) string {
	var list []string
	for _, f := range files {
		if f.Refused != "" {
			f.Path += "!"
		}
		list = append(list, f.Path)
	}
	return strings.Join(list, " ")
}

func TestABranchATagAndACommitAreRead(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a.yaml": "v: 1\n"})
	first := strings.TrimSpace(server.Git("rev-parse", "main"))
	server.Git("tag", "light", first)
	server.Git("-c", "user.name=dev", "-c", "user.email=dev@example.com", "tag", "-a", "-m", "release", "v1", first)
	second := server.Push("main", "second", map[string]string{"a.yaml": "v: 2\n"})
	server.Push("next/one", "third", map[string]string{"a.yaml": "v: 3\n"})
	server.Git("config", "uploadpack.allowReachableSHA1InWant", "true")
	r := open(t, server)
	for _, tc := range []struct {
		ref            Ref
		commit, reason string
		content        string
	}{
		{Ref{}, second, "", "v: 2\n"},
		{Ref{Branch: "main"}, second, "", "v: 2\n"},
		{Ref{Branch: "next/one"}, "", "", "v: 3\n"},
		{Ref{Tag: "light"}, first, "", "v: 1\n"},
		{Ref{Tag: "v1"}, first, "", "v: 1\n"},
		{Ref{Commit: first}, first, "", "v: 1\n"},
		{Ref{Branch: "v1"}, "", v1alpha1.ReasonBranchNotFound, ""},
		{Ref{Tag: "main"}, "", v1alpha1.ReasonBranchNotFound, ""},
		{Ref{Branch: "a..b"}, "", v1alpha1.ReasonInvalidSpec, ""},
		{Ref{Tag: "-"}, "", v1alpha1.ReasonInvalidSpec, ""},
		{Ref{Commit: "abc"}, "", v1alpha1.ReasonInvalidSpec, ""},
	} {
		t.Run(tc.ref.String(), func(t *testing.T) {
			revision, err := r.Resolve(t.Context(), tc.ref)
			if tc.reason != "" {
				wantProblem(t, err, tc.reason, problem.UserMustAct, "")
				return
			}
			if err != nil || tc.commit != "" && revision != tc.commit {
				t.Fatalf("resolved to %s, %v", revision, err)
			}
			s := snapshot(t, r, tc.ref)
			files, err := s.Files(folderOf(""))
			if err != nil || s.Revision() != revision || len(files) != 1 || string(files[0].Content) != tc.content {
				t.Errorf("%s: %+v, %v", s.Revision(), files, err)
			}
		})
	}
}

func TestACommitThatTheServerDoesNotSendHasAReason(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a.yaml": "v: 1\n"})
	first := strings.TrimSpace(server.Git("rev-parse", "main"))
	tip := server.Push("main", "second", map[string]string{"a.yaml": "v: 2\n"})
	r := open(t, server)
	snapshot(t, r, Ref{Commit: tip})
	_, err := r.Snapshot(t.Context(), Ref{Commit: first})
	wantProblem(t, err, v1alpha1.ReasonBranchNotFound, problem.UserMustAct, "sends no single commits")
}

func TestFilesOfAFolder(t *testing.T) {
	server := gitserver.New(t, map[string]string{
		"README.md": "hello\n", "root.yaml": "a: 1\n", "apps/b.yaml": "b: 1\n", "apps/a.yml": "a: 1\n", "apps/notes.txt": "x\n",
		"apps/sub/c.yaml": "c: 1\n", "apps2/d.yaml": "d: 1\n", "large/x.yaml": strings.Repeat("x", MaxFile+1),
		"lfs/x.yaml": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
	})
	many := map[string]string{}
	for i := range 11 {
		many[fmt.Sprintf("many/%d.yaml", i)] = "a: 1\n"
	}
	for i := range 5 {
		many[fmt.Sprintf("bytes/%d.yaml", i)] = strings.Repeat("y", MaxFile-1)
	}
	server.Push("main", "many", many)
	blob := strings.TrimSpace(server.Git("rev-parse", "main:README.md"))
	commit := strings.TrimSpace(server.Git("rev-parse", "main"))
	server.Git("read-tree", "main")
	for _, entry := range []string{
		"120000," + blob + ",links/l.yaml", "120000," + blob + ",links/folder", "120000," + blob + ",links/README.md",
		"160000," + commit + ",links/module", "120000," + blob + ",link",
	} {
		server.Git("update-index", "--add", "--cacheinfo", entry)
	}
	tree := strings.TrimSpace(server.Git("write-tree"))
	server.Git("update-ref", "refs/heads/main", strings.TrimSpace(server.Git("-c", "user.name=dev", "-c", "user.email=dev@example.com",
		"commit-tree", tree, "-p", "main", "-m", "links")))
	s := snapshot(t, open(t, server), Ref{Branch: "main"})
	for _, tc := range []struct{ name, folder, want, err string }{
		{"a folder and those below it", "apps", "apps/a.yml apps/b.yaml apps/sub/c.yaml", ""},
		{"a folder below another one", "apps/sub", "apps/sub/c.yaml", ""},
		{"links and submodules that may have manifests are refused", "links", "links/folder! links/l.yaml! links/module!", ""},
		{"a file over the limit is refused", "large", "large/x.yaml!", ""},
		{"a file in LFS is refused", "lfs", "lfs/x.yaml!", ""},
		{"a folder that does not exist", "none", "", "none does not exist"},
		{"a file", "root.yaml", "", "root.yaml is no directory"},
		{"a link", "link", "", "symbolic link"},
		{"below a link", "link/x", "", "symbolic link"},
		{"a submodule", "links/module", "", "submodule"},
		{"out of the repository", "../etc", "", "no path of a file"},
		{"an absolute path", "/etc", "", "no path of a file"},
		{"the repository itself", ".git/objects", "", "no path of a file"},
		{"too many files", "many", "", "more than 10 files"},
		{"too many bytes", "bytes", "", "more than 4 MiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files, err := s.Files(folderOf(tc.folder))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || paths(files) != tc.want {
				t.Errorf("%s, %v", paths(files), err)
			}
		})
	}
}

// TestDirectoriesWithTheSameContentAreBounded reads a few objects that stand for 10^30 files.
func TestDirectoriesWithTheSameContentAreBounded(t *testing.T) {
	storage := memory.NewStorage()
	store := func(encode func(plumbing.EncodedObject) error) plumbing.Hash {
		t.Helper()
		encoded := storage.NewEncodedObject()
		if err := encode(encoded); err != nil {
			t.Fatal(err)
		}
		hash, err := storage.SetEncodedObject(encoded)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	tree := &object.Tree{}
	at := store(tree.Encode)
	for range 30 {
		tree = &object.Tree{}
		for i := range 10 {
			tree.Entries = append(tree.Entries, object.TreeEntry{Name: fmt.Sprint(i), Mode: filemode.Dir, Hash: at})
		}
		at = store(tree.Encode)
	}
	f := &fetched{objects: storage}
	_, err := f.snapshot(&object.Commit{TreeHash: at}).Files(folderOf(""))
	if err == nil || !strings.Contains(err.Error(), "more than 20000 entries") {
		t.Errorf("got %v", err)
	}
}

// TestNamesAreBounded reads a tree of 1 MiB whose files have paths of 1 GiB together.
func TestNamesAreBounded(t *testing.T) {
	storage := memory.NewStorage()
	store := func(tree *object.Tree) plumbing.Hash {
		t.Helper()
		encoded := storage.NewEncodedObject()
		if err := tree.Encode(encoded); err != nil {
			t.Fatal(err)
		}
		hash, err := storage.SetEncodedObject(encoded)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	files := &object.Tree{}
	for i := range 3 {
		files.Entries = append(files.Entries, object.TreeEntry{Name: fmt.Sprintf("%d.yaml", i), Mode: filemode.Symlink})
	}
	for name, want := range map[string]string{
		strings.Repeat("n", maxName):   "",
		strings.Repeat("n", maxName+1): "the repository has an entry with a name of more than 255 bytes",
		strings.Repeat("n", 1<<20):     "the repository has an entry with a name of more than 255 bytes",
	} {
		root := store(&object.Tree{Entries: []object.TreeEntry{{Name: name, Mode: filemode.Dir, Hash: store(files)}}})
		found, err := (&fetched{objects: storage}).snapshot(&object.Commit{TreeHash: root}).Files(folderOf(""))
		switch {
		case want == "" && (err != nil || len(found) != 3):
			t.Errorf("%d bytes: %d files, %v", len(name), len(found), err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%d bytes: %d files, error has %d bytes", len(name), len(found), len(fmt.Sprint(err)))
		}
	}
}

func TestALowerLimitOfObjectsIsKept(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a.yaml": strings.Repeat("x", 100<<10), "b.yaml": strings.Repeat("y", 100<<10)})
	r := open(t, server, func(_ *Remote, o *Options) { o.MaxObjects = 150 << 10 })
	_, err := r.Snapshot(t.Context(), Ref{})
	wantProblem(t, err, v1alpha1.ReasonResponseTooLarge, problem.UserMustAct, "in one revision")
}

func FuzzFiles(f *testing.F) {
	storage := memory.NewStorage()
	var hashes []plumbing.Hash
	store := func(encode func(plumbing.EncodedObject) error) plumbing.Hash {
		encoded := storage.NewEncodedObject()
		if err := encode(encoded); err != nil {
			f.Fatal(err)
		}
		hash, err := storage.SetEncodedObject(encoded)
		if err != nil {
			f.Fatal(err)
		}
		hashes = append(hashes, hash)
		return hash
	}
	blob := store(func(o plumbing.EncodedObject) error {
		o.SetType(plumbing.BlobObject)
		w, err := o.Writer()
		if err == nil {
			_, err = w.Write([]byte("a: 1\n"))
		}
		return err
	})
	apps := &object.Tree{Entries: []object.TreeEntry{
		{Name: "a.yaml", Mode: filemode.Regular, Hash: blob}, {Name: "link", Mode: filemode.Symlink, Hash: blob},
	}}
	root := &object.Tree{Entries: []object.TreeEntry{{Name: "apps", Mode: filemode.Dir, Hash: store(apps.Encode)}}}
	commit := &object.Commit{TreeHash: store(root.Encode), Message: "m"}
	store(commit.Encode)
	var pack bytes.Buffer
	if _, err := packfile.NewEncoder(&pack, storage, false).Encode(hashes, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(pack.Bytes(), "apps")
	f.Add(pack.Bytes(), "")
	f.Fuzz(func(t *testing.T, content []byte, folder string) {
		objects, err := unpack(content, maxObjects)
		if err != nil {
			return
		}
		for hash := range objects.Commits {
			commit, err := object.GetCommit(objects, hash)
			if err != nil {
				continue
			}
			files, err := (&fetched{objects: objects}).snapshot(commit).Files(folderOf(folder))
			if err != nil {
				continue
			}
			for _, file := range files {
				if file.Refused == "" && !strings.HasSuffix(file.Path, ".yaml") && !strings.HasSuffix(file.Path, ".yml") {
					t.Errorf("%q was read", file.Path)
				}
			}
		}
	})
}

// FuzzTree walks trees that are not valid in all ways that an object with a valid checksum can be.
func FuzzTree(f *testing.F) {
	f.Add([]byte("100644 a.yaml\x00aaaaaaaaaaaaaaaaaaaa40000 b\x00bbbbbbbbbbbbbbbbbbbb"))
	f.Add([]byte("120000 \x00aaaaaaaaaaaaaaaaaaaa"))
	f.Fuzz(func(_ *testing.T, content []byte) {
		storage := memory.NewStorage()
		encoded := storage.NewEncodedObject()
		encoded.SetType(plumbing.TreeObject)
		w, err := encoded.Writer()
		if err != nil {
			return
		}
		if _, err := w.Write(content); err != nil {
			return
		}
		hash, err := storage.SetEncodedObject(encoded)
		if err != nil {
			return
		}
		_, _ = (&fetched{objects: storage}).snapshot(&object.Commit{TreeHash: hash}).Files(folderOf(""))
	})
}
