# Lines that are JSON, read and written as Vector does: strictly, and as values that every encoder takes. Ruby's own parser also takes
# comments, unknown escapes and numbers that become Infinity.
require 'json'

module KubeOps
  module PlainJSON
    # What Vector's parser reads at most. Deeper lines stay text.
    MAX_READ_DEPTH = 127
    # What is sent at most: Elasticsearch takes 20 levels, and a buffer of Vector 32. Deeper values become JSON text.
    MAX_DEPTH = 16
    # Characters of a key: VictoriaLogs does not store a field whose name, with those of the objects above, has more than 128 bytes.
    MAX_KEY = 100

    STRING = %r{"(?>[^"\\\x00-\x1f]+|\\(?>["\\/bfnrt]|u(?>(?![dD][89a-fA-F])\h{4}|[dD][89abAB]\h\h\\u[dD][c-fC-F]\h\h)))*+"}.freeze
    NUMBER = /-?(?>0|[1-9][0-9]*+)(?>\.[0-9]++)?(?>[eE][+-]?[0-9]++)?/.freeze
    # Every token of JSON: what is made of others is no JSON, whatever the parser of a version of Ruby thinks.
    TOKENS = /\A(?>[ \t\r\n]++|[\[\]{}:,]++|#{STRING}|#{NUMBER}|true|false|null)*+\z/.freeze
    # Numbers that may have to become text: long ones, those with an exponent, and -0. Hexadecimal ids in text are none.
    UNUSUAL = /[ \t\r\n:,\[](?:-0|-?[0-9][0-9.]*+[eE]|-?[0-9.]{16})/.freeze
    LITERAL = /"(?>[^"\\]++|\\.)*+"|-?[0-9][0-9.eE+-]*+/m.freeze
    VALID = /\A#{NUMBER}\z/.freeze
    INTEGER = /\A-?(?:0|[1-9][0-9]*)\z/.freeze
    # A number that a double holds: 15 digits before the point, 20 after it, and an exponent of two digits.
    FLOAT = /\A-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?\z/.freeze
    INT64 = (-(1 << 63)..(1 << 63) - 1).freeze

    # A number in the notation of Vector.
    Literal = Struct.new(:text) do
      def to_json(*)
        text
      end
    end

    module_function

    # The object that a line is, or nil.
    def object(line)
      return nil unless line.match?(/\A[ \t\r\n]*\{/) && line.match?(TOKENS)

      parsed = JSON.parse(line.match?(UNUSUAL) ? numbers_as_text(line) : line, max_nesting: MAX_READ_DEPTH)
      parsed.is_a?(Hash) ? parsed : nil
    rescue JSON::ParserError, EncodingError
      nil
    end

    # Numbers that neither 64 bits nor a double hold become text: no digit of them is lost, and none becomes infinite.
    def numbers_as_text(line)
      line.gsub(LITERAL) do |literal|
        if literal == '-0' then '0'
        elsif literal.start_with?('"') || literal.match?(FLOAT) || !literal.match?(VALID) then literal
        elsif literal.match?(INTEGER) && INT64.cover?(literal.to_i) then literal
        else "\"#{literal}\""
        end
      end
    end

    # With the names and the values that a redactor gives.
    def rewrite(value, redactor)
      case value
      when Hash
        renamed = value.to_h { |name, inner| [redactor.name(name), rewrite(inner, redactor)] }
        renamed.size == value.size ? renamed : last_of_same(value, redactor)
      when Array then value.map { |inner| rewrite(inner, redactor) }
      else redactor.one(value)
      end
    end

    # Of names that become the same, Vector keeps the last in the order of bytes.
    def last_of_same(object, redactor)
      object.sort.to_h { |name, inner| [redactor.name(name), rewrite(inner, redactor)] }
    end

    # A name that every backend takes.
    def named(key)
      return '_' if key.match?(/\A[[:space:]]*\z/)

      key.length > MAX_KEY ? key[0, MAX_KEY] : key
    end

    # Values below the last level that is sent become JSON text.
    def bounded(value, depth = 1)
      case value
      when Hash, Array
        return generate(value) if depth > MAX_DEPTH

        value.is_a?(Hash) ? value.transform_values { |inner| bounded(inner, depth + 1) } : value.map { |inner| bounded(inner, depth + 1) }
      else value
      end
    end

    # JSON in one line, names in the order of bytes.
    def generate(value)
      JSON.generate(sorted(value), max_nesting: 0)
    end

    def sorted(value)
      case value
      when Hash then value.sort.to_h { |key, inner| [key, sorted(inner)] }
      when Array then value.map { |inner| sorted(inner) }
      when Float then value.to_s.include?('e') ? Literal.new(notation(value)) : value
      else value
      end
    end

    # The notation of Vector: 1e20 where Ruby writes 1.0e+20, and no exponent between -5 and 15.
    def notation(number)
      digits, exponent = number.to_s.sub('.0e', 'e').split('e')
      return "#{digits}e#{exponent.to_i}" unless (-5..15).cover?(exponent.to_i)

      text = decimal(number)
      text.include?('.') ? text : "#{text}.0"
    end

    # A number without an exponent, which is what expressions look at.
    def decimal(number)
      text = number.to_s
      return text.delete_suffix('.0') unless number.is_a?(Float) && text.include?('e')

      sign, first, rest, exponent = text.match(/\A(-?)(\d)\.(\d+)e([+-]\d+)\z/).captures
      digits = first + (rest == '0' ? '' : rest)
      at = exponent.to_i + 1
      return "#{sign}0.#{'0' * -at}#{digits}" if at <= 0

      digits.length <= at ? sign + digits.ljust(at, '0') : "#{sign}#{digits[0, at]}.#{digits[at..]}"
    end
  end
end
