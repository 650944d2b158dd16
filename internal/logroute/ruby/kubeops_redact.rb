# Redaction by the expressions of a LogBackend: the same as the programs that Vector runs, see redact_vrl.go.
module KubeOps
  REDACTED = '[redacted]'.freeze
  # How long one expression may look at one text, in seconds: Ruby's engine backtracks. Ruby before 3.2 knows no limit.
  PATIENCE = 1.0

  class Redactor
    # Escapes of JSON in a text, at any number of levels.
    ESCAPE = %r{\\+(?:u([0-9a-cefA-CEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})|["/nrt])}.freeze
    BLANKS = { 'n' => "\n", 'r' => "\r", 't' => "\t" }.freeze

    # Names of fields that are remembered, and the bytes of one: lines of one program have the same ones. Names of 64 KiB would fill the
    # memory.
    MAX_NAMES = 5_000
    MAX_NAME = 128

    def initialize(expressions)
      @names = {}
      limit = Regexp.respond_to?(:timeout) ? { timeout: PATIENCE } : {}
      @expressions = expressions.map { |text| limit.empty? ? Regexp.new(text) : Regexp.new(text, **limit) }
    end

    def empty?
      @expressions.empty?
    end

    # All texts and numbers of a value, but for the names of its fields.
    def values(value)
      case value
      when Hash then value.transform_values { |inner| values(inner) }
      when Array then value.map { |inner| values(inner) }
      else one(value)
      end
    end

    # A value that has no parts. A number with a secret becomes text.
    def one(value)
      return value if empty?

      case value
      when String then text(value)
      when Integer, Float
        digits = PlainJSON.decimal(value)
        left = text(digits)
        left == digits ? value : left
      else value
      end
    end

    # The name of a field without secrets, as every backend takes it.
    def name(key)
      return PlainJSON.named(text(key)) if key.bytesize > MAX_NAME

      @names.clear if @names.size >= MAX_NAMES
      @names[key] ||= PlainJSON.named(text(key)).freeze
    end

    # A text without secrets. What escapes of JSON hide is looked at, too: those of a line that is no JSON, and of JSON in a string.
    def text(text)
      return text if empty?

      left = replace(text)
      left.include?('\\') ? left.split(REDACTED, -1).map { |piece| uncovered(piece) }.join(REDACTED) : left
    rescue StandardError
      REDACTED # an expression that takes too long must not let the text through
    end

    private

    def replace(text)
      @expressions.reduce(text) { |left, expression| left.match?(expression) ? left.gsub(expression, REDACTED) : left }
    end

    # A piece whose escapes hide nothing keeps them.
    def uncovered(piece)
      return piece unless piece.include?('\\')

      hidden = piece.gsub(ESCAPE) { |escape| unescape(escape, Regexp.last_match(1)) }
      shown = replace(hidden)
      shown == hidden ? piece : shown
    end

    def unescape(escape, code)
      code ? [code.hex].pack('U') : BLANKS.fetch(escape[-1], escape[-1])
    end
  end
end
