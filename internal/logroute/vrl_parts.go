package logroute

// Parts of the programs in VRL, in the order in which they run. What they do is done by ruby/kubeops_*.rb for Fluentd.

// Bounds of what a route sends, the same as in ruby/kubeops_json.rb and ruby/kubeops_routes.rb.
const (
	// maxLevels of objects and lists in a parsed line: Elasticsearch takes 20 levels, and a buffer of Vector with more than 32 can never be
	// read again. Deeper values become JSON text.
	maxLevels = 16
	// maxKey is the characters of a key: VictoriaLogs does not store a field whose name, with those of the objects above, has more than
	// 128 bytes.
	maxKey = 100
	// maxMessage is the characters of a message. A line has at most 64 KiB, but redaction may lengthen it.
	maxMessage = 65536
)

// begin removes what only a collector needs. Any function on text turns bytes that are no UTF-8 into U+FFFD.
const begin = `del(.file)
del(.source_type)
del(.timestamp_end)
del(._partial)
.message = replace(string(.message) ?? "", "\0", "\0")
`

// parse makes .json of a line that is a JSON object, and .level of a level in it. What the line says stays below .json, so that no
// program can pass its lines off as those of another Pod. Numbers that neither 64 bits nor a double hold become text first: no digit
// of them is lost, and none becomes infinite. It is given the openings that a line of too many levels has, and the levels.
const parse = `deep = false
if match(.message, r'^[ \t\r\n]*\{') {
  text = .message
  if match(text, r'[ \t\r\n:,\[](?:-0|-?[0-9][0-9.]*[eE]|-?[0-9.]{16})') {
    text = replace_with(text, r'(?s)"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*') -> |found| {
      number = found.string
      _whole, overflow = to_int(number)
      if number == "-0" {
        "0"
      } else if starts_with(number, "\"") {
        number
      } else if match(number, r'^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?\z') {
        number
      } else if !match(number, r'^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\z') {
        number
      } else if overflow == null && match(number, r'^-?[0-9]+\z') {
        number
      } else {
        "\"" + number + "\""
      }
    }
  }
  parsed, failed = parse_json(text)
  if failed == null && is_object(parsed) {
    .json = parsed
    deep = match(text, r'(?:[\[\{][^\[\{]*){%d}')
    level = ""
    if is_string(parsed.level) {
      level = downcase(string!(parsed.level))
    } else if is_string(parsed.severity) {
      level = downcase(string!(parsed.severity))
    }
    if includes(%s, level) { .level = level }
  }
}
`

// rewriteKeys gives the parsed line keys that every backend takes, without secrets.
const rewriteKeys = `if is_object(.json) {
  .json = map_keys(object!(.json), recursive: true) -> |key| {
    left = key
%s    if strip_whitespace(left) == "" { "_" } else { truncate(left, %d) }
  }
}
`

// redactValues replaces within every text and number of the event, but for the names that lines are found by. It comes after the parsing:
// what JSON's escapes hid is text by then, and a replacement cannot break the JSON. It comes before anything is cut, since half a secret
// is not recognized.
const redactValues = `pod_namespace = .kubernetes.pod_namespace
pod_name = .kubernetes.pod_name
container_name = .kubernetes.container_name
pod_node_name = .kubernetes.pod_node_name
stream = .stream
. = map_values(., recursive: true) -> |value| {
  before = ""
  if is_string(value) || is_integer(value) || is_float(value) { before = to_string(value) ?? "" }
  left = before
%s  if left == before { value } else { left }
}
if !is_null(pod_namespace) { .kubernetes.pod_namespace = pod_namespace }
if !is_null(pod_name) { .kubernetes.pod_name = pod_name }
if !is_null(container_name) { .kubernetes.container_name = container_name }
if !is_null(pod_node_name) { .kubernetes.pod_node_name = pod_node_name }
if !is_null(stream) { .stream = stream }
`

// replaceTwice replaces secrets in a variable: as the text is, and then in each piece between two replacements with the escapes of JSON
// resolved, which a line that is no JSON has, and JSON in a string. A piece whose escapes hide nothing keeps them. It is given the
// variable and the replacements in shown.
const replaceTwice = `  for_each([false, true]) -> |_round, unescape| {
    pieces = [%[1]s]
    if unescape { pieces = split(%[1]s, "[redacted]") }
    pieces = map_values(pieces) -> |piece| {
      hidden = string!(piece)
      if unescape && contains(hidden, "\\") {
        hidden = replace_with(hidden, r'\\+(?:u([0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})|["/nrt])') -> |escape| {
          code = escape.captures[0]
          last = slice!(escape.string, -1)
          if is_string(code) {
            decode_charset!(decode_base16!(string!(code)), "utf-16be")
          } else if last == "n" { "\n" } else if last == "r" { "\r" } else if last == "t" { "\t" } else { last }
        }
      }
      if unescape && hidden == piece {
        piece
      } else {
        shown = hidden
%[2]s        if unescape && shown == hidden { piece } else { shown }
      }
    }
    %[1]s = join!(pieces, "[redacted]")
  }
`

// The message is made of what is left of the parsed line, so that a field that was dropped does not live on in it.
const (
	bounded = `if is_object(.json) {
  if deep { .json = parse_json(encode_json(.json), max_depth: %d) ?? {} }
`
	// wholeMessage is the parsed line.
	wholeMessage = bounded + `  .message = encode_json(.json)
}
`
	// ownMessage is the line's own, or the parsed line.
	ownMessage = bounded + `  said = .json.message
  if !is_string(said) { said = .json.msg }
  if is_string(said) { .message = said } else { .message = encode_json(.json) }
}
`
	cutMessage = `if is_string(.message) && strlen(string!(.message)) > %[1]d { .message = truncate!(.message, %[1]d) + "[cut]" }
`
)
