package stream

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Unmarshaler reads a value itself.
type Unmarshaler interface {
	UnmarshalStream(d *Decoder) error
}

// Decode reads a value into a pointer to a struct, map with string keys, slice, string, number, boolean, json.Number,
// encoding.TextUnmarshaler or Unmarshaler, and pointers to them. Fields are matched as encoding/json does it, and unknown ones are skipped.
// The tag max:"512" of a string field clips it at that many bytes. Interfaces and json.RawMessage are not supported, on purpose: their size
// is the server's choice. A list replaces an earlier one of the same name as a whole.
func (d *Decoder) Decode(into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("decode into %T: not a pointer", into)
	}
	return d.value(target.Elem(), Unlimited)
}

// fieldPlan is how one field of a struct is read.
type fieldPlan struct {
	name  string
	index int
	max   int
}

// plans of the types of one response.
type plans map[reflect.Type][]fieldPlan

func (d *Decoder) planOf(t reflect.Type) []fieldPlan {
	if plan, known := d.plans[t]; known {
		return plan
	}
	plan := make([]fieldPlan, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		max, err := strconv.Atoi(f.Tag.Get("max"))
		if err != nil {
			max = Unlimited
		}
		plan = append(plan, fieldPlan{name: name, index: i, max: max})
	}
	if d.plans == nil {
		d.plans = plans{}
	}
	d.plans[t] = plan
	return plan
}

func find(plan []fieldPlan, name []byte) *fieldPlan {
	for i := range plan {
		if plan[i].name == string(name) {
			return &plan[i]
		}
	}
	for i := range plan {
		if len(name) < 256 && strings.EqualFold(plan[i].name, string(name)) {
			return &plan[i]
		}
	}
	return nil
}

// value reads one value. Null leaves it as it is, as in encoding/json.
func (d *Decoder) value(target reflect.Value, max int) error {
	kind, err := d.Kind()
	if err != nil {
		return err
	}
	if kind == Null {
		switch target.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			target.SetZero()
		}
		return d.Skip()
	}
	switch into := target.Addr().Interface().(type) {
	case Unmarshaler:
		return into.UnmarshalStream(d)
	case *json.Number:
		return d.literal(into, kind)
	case encoding.TextUnmarshaler:
		text, err := d.Bytes(maxNumber)
		if err == nil && into.UnmarshalText(text) != nil {
			err = ErrShape
		}
		return err
	}
	switch target.Kind() {
	case reflect.Pointer:
		if target.IsNil() {
			if err := d.Keep(int64(target.Type().Elem().Size()) + textBytes); err != nil {
				return err
			}
			target.Set(reflect.New(target.Type().Elem()))
		}
		return d.value(target.Elem(), max)
	case reflect.Struct:
		return d.fields(target)
	case reflect.Slice:
		return d.elements(target)
	case reflect.Map:
		return d.entries(target)
	case reflect.String:
		text, err := d.Text(max)
		target.SetString(text)
		return err
	case reflect.Bool:
		is, err := d.Bool()
		target.SetBool(is)
		return err
	default:
		return d.numeric(target)
	}
}

// literal of a number, which may be in quotes.
func (d *Decoder) literal(into *json.Number, kind Kind) error {
	if kind != Number && kind != String {
		return ErrShape
	}
	literal, _, err := d.plain(kind, maxNumber)
	if err != nil {
		return err
	}
	if _, err := ParseFloat(literal); err != nil {
		return err
	}
	*into = json.Number(literal)
	return d.KeepText(len(literal))
}

func (d *Decoder) fields(target reflect.Value) error {
	plan := d.planOf(target.Type())
	return d.Object(func(name []byte) error {
		if f := find(plan, name); f != nil {
			return d.value(target.Field(f.index), f.max)
		}
		return nil
	})
}

// elements of a slice. Growing keeps room for as many again.
func (d *Decoder) elements(target reflect.Value) error {
	element := target.Type().Elem()
	target.Set(reflect.MakeSlice(target.Type(), 0, 0))
	return d.Array(func() error {
		if err := d.Keep(2*int64(element.Size()) + 1); err != nil {
			return err
		}
		n := target.Len()
		if n == target.Cap() {
			target.Grow(max(4, n))
		}
		target.SetLen(n + 1)
		target.Index(n).SetZero()
		return d.value(target.Index(n), Unlimited)
	})
}

func (d *Decoder) entries(target reflect.Value) error {
	t := target.Type()
	if t.Key().Kind() != reflect.String {
		return fmt.Errorf("decode into %s: keys must be strings", t)
	}
	if target.IsNil() {
		target.Set(reflect.MakeMap(t))
	}
	slot := int64(t.Elem().Size())
	return d.Object(func(name []byte) error {
		n := target.Len()
		if err := d.KeepEntry(n); err != nil {
			return err
		}
		if err := d.Keep(int64(len(name)) + textBytes + 2*slot + mapEntryBytes/2); err != nil {
			return err
		}
		key := reflect.New(t.Key()).Elem()
		key.SetString(string(name))
		value := reflect.New(t.Elem()).Elem()
		if err := d.value(value, Unlimited); err != nil {
			return err
		}
		target.SetMapIndex(key, value)
		return nil
	})
}

func (d *Decoder) numeric(target reflect.Value) error {
	if !target.CanInt() && !target.CanUint() && !target.CanFloat() {
		return fmt.Errorf("decode into %s: not supported", target.Type())
	}
	literal, err := d.Number()
	if err != nil {
		return err
	}
	bits := target.Type().Bits()
	switch {
	case target.CanInt():
		n, err := strconv.ParseInt(string(literal), 10, bits)
		if err != nil {
			return ErrShape
		}
		target.SetInt(n)
	case target.CanUint():
		n, err := strconv.ParseUint(string(literal), 10, bits)
		if err != nil {
			return ErrShape
		}
		target.SetUint(n)
	default:
		n, err := strconv.ParseFloat(string(literal), bits)
		if err != nil {
			return ErrShape
		}
		target.SetFloat(n)
	}
	return nil
}
