package jenkins

import (
	"strings"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/provider/stream"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxKey is the length of a key in bytes, and of what is compared with it.
	maxKey = 128
	// maxShort is the length in runes of short values of the server, and maxReason that of its sentences.
	maxShort, maxReason = 64, 300
	// maxItems of the queue, and maxBuilds of a job that are looked at. Jenkins lists the 100 newest builds.
	maxItems, maxBuilds = 1000, 100
	// firstPage of the builds of a job, and overlap with the second, which shows that no build slipped between the two.
	firstPage, overlap = 50, 10
)

// Tree expressions: only what is needed is sent. A range includes one more than is looked at where the list may be longer.
const (
	actionsTree = "actions[parameters[name,value]]"
	itemTree    = "id,why,cancelled,executable[number],task[url]," + actionsTree
	queueTree   = "items[" + itemTree + "]{0,1001}"
	buildTree   = "_class,number,queueId,building,result,timestamp,duration," + actionsTree
	jobTree     = "_class,buildable,inQueue,lastBuild[number,building],property[parameterDefinitions[name,type,choices]]"
)

func clip(s string, maxRunes int) string {
	return text.Clip(printable.Line(strings.TrimSpace(s)), maxRunes)
}

// mark is the marker parameter among the actions of an item or build.
type mark struct {
	// Key is the value; empty without the parameter.
	Key string
	// Declared is true if the parameter exists, whatever its value.
	Declared bool
}

// UnmarshalStream keeps the marker only: other parameters may be large, and secret.
func (m *mark) UnmarshalStream(d *stream.Decoder) error {
	return d.Array(func() error {
		return d.Object(func(name []byte) error {
			if string(name) != "parameters" {
				return nil
			}
			return d.Array(func() error { return m.parameter(d) })
		})
	})
}

func (m *mark) parameter(d *stream.Decoder) error {
	var is bool
	var value string
	err := d.Object(func(field []byte) error {
		kind, err := d.Kind()
		if err != nil || kind != stream.String {
			return err
		}
		switch string(field) {
		case "name":
			name, err := d.Bytes(maxKey)
			is = string(name) == Marker
			return err
		case "value":
			kept := d.Kept()
			value, err = d.Text(maxKey + 1)
			d.Drop(kept)
			return err
		}
		return nil
	})
	if is && !m.Declared {
		*m = mark{Key: value, Declared: true}
	}
	return err
}

type item struct {
	ID         int64  `json:"id"`
	Why        string `json:"why" max:"1024"`
	Cancelled  bool   `json:"cancelled"`
	Executable *struct {
		Number int64 `json:"number"`
	} `json:"executable"`
	Task struct {
		URL string `json:"url" max:"2048"`
	} `json:"task"`
	Mark mark `json:"actions"`
}

type build struct {
	Class     string `json:"_class" max:"128"`
	Number    int64  `json:"number"`
	QueueID   int64  `json:"queueId"`
	Building  bool   `json:"building"`
	Result    string `json:"result" max:"64"`
	Timestamp int64  `json:"timestamp"`
	Duration  int64  `json:"duration"`
	Mark      mark   `json:"actions"`
}

// isPipeline reports whether the build is one of Pipeline, by its class: WorkflowRun.
func (b *build) isPipeline() bool { return strings.Contains(b.Class, "workflow") }

// bounded is a list of which at most a number of elements is decoded.
type bounded[T any] struct {
	list []T
	// cut is true if there are more.
	cut bool
	max int
}

// UnmarshalStream implements stream.Unmarshaler.
func (b *bounded[T]) UnmarshalStream(d *stream.Decoder) error {
	b.list = nil
	return d.Array(func() error {
		if len(b.list) >= b.max {
			b.cut = true
			return nil
		}
		var element T
		if err := d.Decode(&element); err != nil {
			return err
		}
		b.list = append(b.list, element)
		return nil
	})
}

type queue struct {
	Items bounded[item] `json:"items"`
}

type builds struct {
	Builds bounded[build] `json:"builds"`
}

type parameter struct {
	Name    string   `json:"name" max:"512"`
	Type    string   `json:"type" max:"128"`
	Choices []string `json:"choices"`
}

type job struct {
	Class string `json:"_class" max:"128"`
	// Buildable is missing in folders.
	Buildable *bool `json:"buildable"`
	InQueue   bool  `json:"inQueue"`
	LastBuild *struct {
		Building bool `json:"building"`
	} `json:"lastBuild"`
	Property []struct {
		ParameterDefinitions []parameter `json:"parameterDefinitions"`
	} `json:"property"`
}

// declared are the parameters of the job by name.
func (j *job) declared() map[string]parameter {
	all := map[string]parameter{}
	for _, property := range j.Property {
		for _, p := range property.ParameterDefinitions {
			all[p.Name] = p
		}
	}
	return all
}

type tests struct {
	Fail  int  `json:"failCount"`
	Skip  int  `json:"skipCount"`
	Pass  *int `json:"passCount"`
	Total int  `json:"totalCount"`
}

type stages struct {
	Stages bounded[stage] `json:"stages"`
}

type stage struct {
	Name   string `json:"name" max:"512"`
	Status string `json:"status" max:"64"`
}
