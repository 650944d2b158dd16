package gitrepo

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // the format of packs
	"encoding/binary"
	"errors"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/memory"
)

// pack of one object of a type that claims a size; the content may have another.
func pack(t testing.TB, kind byte, claimed uint64, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("PACK")
	_ = binary.Write(&b, binary.BigEndian, []uint32{2, 1})
	first := kind<<4 | byte(claimed&15)
	for claimed >>= 4; claimed > 0; claimed >>= 7 {
		b.WriteByte(first | 0x80)
		first = byte(claimed & 127)
	}
	b.WriteByte(first)
	if kind == 7 {
		b.Write(make([]byte, 20)) // the base
	}
	w := zlib.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	sum := sha1.Sum(b.Bytes()) //nolint:gosec // the format of packs
	b.Write(sum[:])
	return b.Bytes()
}

func TestAPackIsMeasuredBeforeItIsUnpacked(t *testing.T) {
	bomb := make([]byte, 4<<20)
	for name, tc := range map[string]struct {
		content  []byte
		tooLarge bool
	}{
		"a large object":               {pack(t, 3, maxObjects+1, bomb), true},
		"a huge size":                  {pack(t, 3, 1<<40, []byte("x")), true},
		"an object beyond its size":    {pack(t, 3, 10, bomb), false},
		"a delta with a large target":  {pack(t, 7, 12, append(binary.AppendUvarint(binary.AppendUvarint(nil, 1), 1<<40), make([]byte, 5)...)), true},
		"a delta without a base":       {pack(t, 7, 4, []byte{1, 1, 0, 0}), false},
		"many objects":                 {append([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"), make([]byte, 20)...), true},
		"nothing":                      {nil, false},
		"a pack that ends":             {pack(t, 3, 10, []byte("0123456789"))[:20], false},
		"a pack with another checksum": {append(pack(t, 3, 1, []byte("x")), 1)[1:], false},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := unpack(tc.content, maxObjects)
			if err == nil || errors.Is(err, errTooLarge) != tc.tooLarge || objects != nil {
				t.Errorf("got %v", err)
			}
		})
	}
	if objects, err := unpack(pack(t, 3, 1, []byte("x")), maxObjects); err != nil || len(objects.Blobs) != 1 {
		t.Errorf("a valid pack: %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	storage := memory.NewStorage()
	var hashes []plumbing.Hash
	for _, text := range []string{"one", "one and another", "three"} {
		blob := storage.NewEncodedObject()
		blob.SetType(plumbing.BlobObject)
		w, err := blob.Writer()
		if err != nil {
			f.Fatal(err)
		}
		_, _ = w.Write([]byte(text))
		hash, err := storage.SetEncodedObject(blob)
		if err != nil {
			f.Fatal(err)
		}
		hashes = append(hashes, hash)
	}
	var b bytes.Buffer
	if _, err := packfile.NewEncoder(&b, storage, false).Encode(hashes, 10); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(pack(f, 7, 4, []byte{1, 1, 0, 0}))
	f.Add(pack(f, 1, 5, []byte("tree ")))
	f.Fuzz(func(t *testing.T, content []byte) {
		objects, err := unpack(content, maxObjects)
		if err != nil {
			return
		}
		size := int64(0)
		for _, object := range objects.Objects {
			size += object.Size()
		}
		if size > maxObjects {
			t.Errorf("%d bytes", size)
		}
	})
}

func FuzzRefs(f *testing.F) {
	f.Add([]byte("001e# service=git-upload-pack\n0000003dffffffffffffffffffffffffffffffffffffffff HEAD\x00shallow0000"))
	f.Fuzz(func(_ *testing.T, content []byte) { _, _ = decodeRefs(bytes.NewReader(content)) })
}
