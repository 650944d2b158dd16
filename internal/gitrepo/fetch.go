package gitrepo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/memory"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// maxPack is the size of what a server sends, in bytes.
	maxPack = 24 << 20
	// maxObjects is the size of the objects of a fetch, unpacked, in bytes.
	maxObjects = 64 << 20
	// maxCount is their number.
	maxCount = 200_000
	// MaxFile is the size of a file that is read or written, in bytes.
	MaxFile = 1 << 20
	// HistoryDepth is how many commits back a marker is looked for.
	HistoryDepth = 100
)

// errTooLarge is a fetch over a limit.
var errTooLarge = errors.New("the repository is too large")

// fetched is what a fetch brought.
type fetched struct {
	objects *memory.Storage
	tip     *object.Commit
	// cut are the commits whose parents were not sent.
	cut map[plumbing.Hash]bool
}

// fetch a branch with the commits of a depth. Without files, only commits are asked for, if the server can leave out the rest.
func (r *Repository) fetch(ctx context.Context, branch string, depth int, files bool) (*fetched, error) {
	if branch == "" {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%q is no name of a branch", branch)
	}
	return r.fetchRef(ctx, Ref{Branch: branch}, depth, files)
}

// fetchRef is fetch for a branch, tag or commit.
func (r *Repository) fetchRef(ctx context.Context, ref Ref, depth int, files bool) (*fetched, error) {
	service, found, err := r.startAt(ctx, uploadPack, ref)
	if err != nil {
		return nil, err
	}
	defer service.close()
	request := packp.NewUploadPackRequest()
	request.Wants = []plumbing.Hash{found.want}
	request.Depth = packp.DepthCommits(depth)
	offered := service.advertised().Capabilities
	if !offered.Supports(capability.Shallow) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidResponse, nil,
			"%s cannot send a part of the history (capability shallow), which KubeOps needs", r.wire.host())
	}
	wanted := []capability.Capability{capability.Shallow}
	if offered.Supports(capability.OFSDelta) {
		wanted = append(wanted, capability.OFSDelta)
	}
	if offered.Supports(capability.Filter) {
		wanted = append(wanted, capability.Filter)
		request.Filter = packp.Filter(fmt.Sprintf("blob:limit=%d", MaxFile+1))
		if !files {
			request.Filter = packp.FilterTreeDepth(0)
		}
	}
	for _, c := range wanted {
		if err := request.Capabilities.Set(c); err != nil {
			return nil, err
		}
	}
	body, err := encodeUpload(request)
	if err != nil {
		return nil, err
	}
	answer, err := service.call(ctx, body, r.options.MaxPack)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Close() }() // its memory counts until it is unpacked
	decoded := packp.NewUploadPackResponse(request)
	if err := decoded.Decode(answer); err != nil {
		return nil, r.broken("the response", err)
	}
	content, err := io.ReadAll(decoded)
	if err != nil {
		return nil, r.broken("the response", err)
	}
	if before := r.options.BeforeUnpack; before != nil {
		if err := before(ctx); err != nil {
			return nil, err
		}
	}
	return r.unpack(content, found.commit, decoded.Shallows)
}

// encodeUpload is the body of a request that has nothing yet.
func encodeUpload(request *packp.UploadPackRequest) ([]byte, error) {
	var body bytes.Buffer
	if err := request.UploadRequest.Encode(&body); err != nil {
		return nil, err
	}
	err := pktline.NewEncoder(&body).EncodeString("done\n")
	return body.Bytes(), err
}

func (r *Repository) unpack(content []byte, tip plumbing.Hash, shallow []plumbing.Hash) (*fetched, error) {
	objects, err := unpack(content, r.options.MaxObjects)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, problem.UserError(v1alpha1.ReasonResponseTooLarge, err,
			"the repository at %s has more than %d MiB or %d objects in one revision; use a smaller one for deployments", r.wire.host(),
			r.options.MaxObjects>>20, maxCount)
	case err != nil:
		return nil, r.broken("the objects", err)
	}
	f := &fetched{objects: objects, cut: map[plumbing.Hash]bool{}}
	for _, commit := range shallow {
		f.cut[commit] = true
	}
	if f.tip, err = object.GetCommit(objects, tip); err != nil {
		return nil, r.broken("the commit of the branch", err)
	}
	return f, nil
}

// unpack the objects of a pack. The sizes that it claims are checked before anything is allocated for them.
func unpack(content []byte, limit int64) (objects *memory.Storage, err error) {
	defer func() { // the parser of the library is not proven against all input
		if reason := recover(); reason != nil {
			objects = nil
			err = fmt.Errorf("the pack is not valid: %v", reason)
		}
	}()
	if err := measure(content, limit); err != nil {
		return nil, err
	}
	storage := memory.NewStorage()
	parser, err := packfile.NewParserWithStorage(packfile.NewScanner(bytes.NewReader(content)), storage)
	if err != nil {
		return nil, err
	}
	if _, err := parser.Parse(); err != nil {
		return nil, err
	}
	return storage, nil
}

// measure the objects of a pack by unpacking them to nowhere.
func measure(content []byte, limit int64) error {
	scanner := packfile.NewScanner(bytes.NewReader(content))
	_, count, err := scanner.Header()
	switch {
	case err != nil:
		return err
	case count > maxCount:
		return errTooLarge
	}
	total := int64(0)
	for range count {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return err
		}
		head := &prefix{left: header.Length}
		if total += header.Length; total > limit {
			return errTooLarge
		}
		if _, _, err := scanner.NextObject(head); err != nil {
			return err
		}
		if header.Type == plumbing.OFSDeltaObject || header.Type == plumbing.REFDeltaObject {
			if total += head.target(); total > limit || total < 0 {
				return errTooLarge
			}
		}
	}
	return nil
}

// prefix keeps the beginning of what is written, and refuses more than was announced.
type prefix struct {
	left int64
	kept []byte
}

func (p *prefix) Write(content []byte) (int, error) {
	if p.left -= int64(len(content)); p.left < 0 {
		return 0, errors.New("an object is longer than its header says")
	}
	if missing := 2*binary.MaxVarintLen64 - len(p.kept); missing > 0 {
		p.kept = append(p.kept, content[:min(missing, len(content))]...)
	}
	return len(content), nil
}

// target is the size of what a delta results in, which follows the size of its base (gitformat-pack).
func (p *prefix) target() int64 {
	_, n := binary.Uvarint(p.kept)
	if n <= 0 {
		return maxObjects + 1
	}
	size, n := binary.Uvarint(p.kept[n:])
	if n <= 0 || size > maxObjects {
		return maxObjects + 1
	}
	return int64(size)
}

// lines keeps the beginning of what a server writes for people.
type lines struct{ content []byte }

const maxLines = 4 << 10

// Write keeps at most maxLines.
func (l *lines) Write(content []byte) (int, error) {
	l.content = append(l.content, content[:min(len(content), max(0, maxLines-len(l.content)))]...)
	return len(content), nil
}

// String is what was kept.
func (l *lines) String() string { return strings.TrimSpace(string(l.content)) }

var _ io.Writer = (*lines)(nil)
