package facts

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"

	"kubeops.io/kubeops/internal/inspect/facts/protofields"
)

// Fields of PodSpec, Container, VolumeMount, Volume and VolumeSource; see
// https://github.com/kubernetes/api/blob/master/core/v1/generated.proto.
const (
	fieldVolumes        protowire.Number = 1
	fieldContainers     protowire.Number = 2
	fieldNodeName       protowire.Number = 10
	fieldInitContainers protowire.Number = 20

	fieldVolumeMounts protowire.Number = 9
	fieldMountName    protowire.Number = 1

	fieldVolumeName   protowire.Number = 1
	fieldVolumeSource protowire.Number = 2
	fieldProjected    protowire.Number = 26
	fieldEphemeral    protowire.Number = 29
)

// ownFields of a PodSpec, as bits: what no fact needs, and what differs between the Pods of a workload (nodeName, hostname,
// resourceClaims). Fields of newer versions of Kubernetes are kept.
func ownFields() uint64 {
	var bits uint64
	for _, field := range []protowire.Number{5, 9, fieldNodeName, 16, 17, 25, 28, 31, 35, 38, 39, 41, 43, 44} {
		bits |= 1 << field
	}
	return bits
}

// sharedSpec is the encoding of a PodSpec without what is different in each Pod of a workload: the node, the host name, and the name of the
// volume with the token. It is a valid encoding of a PodSpec with the same facts.
type sharedSpec struct {
	out      []byte
	nodeName []byte
	// ephemeral is true if the name of a claim depends on the name of the Pod.
	ephemeral bool
	// token is the name of the first volume with a token.
	token []byte
}

func (s *sharedSpec) read(spec []byte) error {
	if err := s.volumes(spec); err != nil {
		return err
	}
	own := ownFields()
	f := protofields.Read(spec)
	for f.Next() {
		switch {
		case f.Number == fieldNodeName:
			s.nodeName = f.Value
		case f.Number < 64 && own&(1<<f.Number) != 0:
		case f.Number == fieldVolumes && s.token != nil:
			f.Fail(s.volume(f.Raw, f.Value))
		case (f.Number == fieldContainers || f.Number == fieldInitContainers) && s.token != nil:
			f.Fail(s.container(f.Number, f.Value))
		default:
			s.out = append(s.out, f.Raw...)
		}
	}
	return f.Err
}

// volumes finds the volume with the token, and volumes whose claim has the name of the Pod.
func (s *sharedSpec) volumes(spec []byte) error {
	f := protofields.Read(spec)
	for f.Next() {
		if f.Number != fieldVolumes {
			continue
		}
		volume, err := readVolume(f.Value)
		f.Fail(err)
		s.ephemeral = s.ephemeral || volume.ephemeral
		if s.token == nil && volume.isToken() {
			s.token = volume.name
		}
	}
	if s.ephemeral {
		s.token = nil // the spec is not shared anyway, and a claim may have the name of any volume
	}
	return f.Err
}

type wireVolume struct {
	name                 []byte
	projected, ephemeral bool
}

// isToken is isTokenVolume.
func (v wireVolume) isToken() bool {
	return v.projected && bytes.HasPrefix(v.name, []byte(tokenVolume))
}

func readVolume(message []byte) (volume wireVolume, err error) {
	f := protofields.Read(message)
	for f.Next() {
		switch f.Number {
		case fieldVolumeName:
			volume.name = f.Value
		case fieldVolumeSource:
			source := protofields.Read(f.Value)
			for source.Next() {
				volume.projected = volume.projected || source.Number == fieldProjected
				volume.ephemeral = volume.ephemeral || source.Number == fieldEphemeral
			}
			f.Fail(source.Err)
		}
	}
	return volume, f.Err
}

// volume appends a volume; the name of the one with the token without its random part.
func (s *sharedSpec) volume(raw, message []byte) error {
	volume, err := readVolume(message)
	if err != nil || !bytes.Equal(volume.name, s.token) || !volume.isToken() {
		s.out = append(s.out, raw...)
		return err
	}
	start := s.begin(fieldVolumes)
	f := protofields.Read(message)
	for f.Next() {
		if f.Number == fieldVolumeName {
			s.out = protowire.AppendTag(s.out, fieldVolumeName, protowire.BytesType)
			s.out = protowire.AppendString(s.out, tokenVolume)
			continue
		}
		s.out = append(s.out, f.Raw...)
	}
	s.end(start)
	return f.Err
}

// container appends a container without the mounts of the token, which are not facts.
func (s *sharedSpec) container(number protowire.Number, message []byte) error {
	start := s.begin(number)
	f := protofields.Read(message)
	for f.Next() {
		if f.Number == fieldVolumeMounts {
			name, err := mountName(f.Value)
			f.Fail(err)
			if bytes.Equal(name, s.token) {
				continue
			}
		}
		s.out = append(s.out, f.Raw...)
	}
	s.end(start)
	return f.Err
}

func mountName(mount []byte) (name []byte, err error) {
	f := protofields.Read(mount)
	for f.Next() {
		if f.Number == fieldMountName {
			name = f.Value
		}
	}
	return name, f.Err
}

// lengthBytes is the size of the length of a message that is not known yet: five bytes hold every length below 2 GiB.
const lengthBytes = 5

// begin appends the start of a message and returns where its content starts.
func (s *sharedSpec) begin(number protowire.Number) int {
	s.out = protowire.AppendTag(s.out, number, protowire.BytesType)
	s.out = append(s.out, make([]byte, lengthBytes)...)
	return len(s.out)
}

// end writes the length of the message that started there, padded to lengthBytes. A reader accepts a varint with more bytes than it needs.
func (s *sharedSpec) end(start int) {
	length := uint64(len(s.out) - start) //nolint:gosec // not negative
	for i := range lengthBytes {
		b := byte(length & 0x7f)
		if i < lengthBytes-1 {
			b |= 0x80
		}
		s.out[start-lengthBytes+i] = b
		length >>= 7
	}
}
