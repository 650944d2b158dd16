# Lines as a container runtime writes them by the Container Runtime Interface: TIME STREAM FLAG TEXT. It cuts long lines into parts, which
# become one line here: only a whole line can be redacted. A line that is no such line is dropped, and never quoted.
module KubeOps
  class Lines
    # Bytes of a line of several parts; Vector's max_merged_line_bytes. A longer one is dropped: half a secret is not recognized.
    MAX_LINE = 65_536
    # Bytes of all lines whose end has not come yet. The oldest are dropped first.
    MAX_OPEN = 16 << 20
    # Streams with such a line. A node has 110 Pods by default.
    MAX_STREAMS = 4_096

    FORM = /\A(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::[^ ]*)?(?: (.*))?\z/mn.freeze

    # A line of a stream whose end has not come yet. Without text, its rest is dropped.
    Open = Struct.new(:seconds, :nanoseconds, :text)
    Line = Struct.new(:seconds, :nanoseconds, :stream, :text)

    # The block gets the reason when a line is dropped.
    def initialize(&dropped)
      @dropped = dropped
      @open = {}
      @bytes = 0
      @second = [nil, 0]
    end

    # The line of a file that ends with this line of text, or nil. The time is that of its first part.
    def call(file, raw)
      form = FORM.match(raw)
      seconds = form && seconds(form[1], form[3])
      return drop(:format) unless seconds

      nanoseconds = form[2] ? form[2].ljust(9, '0').to_i : 0
      key = [file, form[4]]
      text = form[6] || ''
      return add(key, seconds, nanoseconds, text) if form[5] == 'P'
      return Line.new(seconds, nanoseconds, form[4], text) unless @open.key?(key)

      finish(key, text)
    end

    # What is still open, to go on with it after a restart.
    def dump
      @open.map { |(file, stream), line| [file, stream, line.seconds, line.nanoseconds, line.text && [line.text].pack('m0')] }
    end

    # Entries that dump did not write are dropped.
    def load(dumped)
      dumped.each do |file, stream, seconds, nanoseconds, text|
        valid = file.is_a?(String) && %w[stdout stderr].include?(stream) && seconds.is_a?(Integer) && (0..999_999_999).cover?(nanoseconds) &&
                (text.nil? || text.is_a?(String))
        next drop(:invalid) unless valid

        keep([file, stream], Open.new(seconds, nanoseconds, text && text.unpack1('m0')))
      rescue ArgumentError # no base64
        drop(:invalid)
      end
    end

    private

    def add(key, seconds, nanoseconds, text)
      line = remove(key) || Open.new(seconds, nanoseconds, +'')
      if line.text && line.text.bytesize + text.bytesize > MAX_LINE
        drop(:too_long)
        line.text = nil
      end
      line.text << text if line.text
      keep(key, line)
      nil
    end

    def finish(key, text)
      line = remove(key)
      return nil unless line.text
      return drop(:too_long) if line.text.bytesize + text.bytesize > MAX_LINE

      Line.new(line.seconds, line.nanoseconds, key[1], line.text << text)
    end

    def keep(key, line)
      @open[key] = line
      @bytes += line.text.bytesize if line.text
      make_room
    end

    def remove(key)
      line = @open.delete(key)
      @bytes -= line.text.bytesize if line&.text
      line
    end

    # The oldest are first: adding a part puts a line to the end.
    def make_room
      while @bytes > MAX_OPEN
        key, line = @open.find { |_, open| open.text }
        @bytes -= line.text.bytesize
        @open[key].text = nil
        drop(:too_many)
      end
      remove(@open.first[0]) while @open.size > MAX_STREAMS
    end

    def drop(reason)
      @dropped.call(reason)
      nil
    end

    # Most lines have the second of the line before.
    def seconds(text, zone)
      return @second[1] if @second[0] == [text, zone]

      offset = zone == 'Z' ? 0 : (zone[0] == '-' ? -1 : 1) * (zone[1, 2].to_i * 3600 + zone[4, 2].to_i * 60)
      at = Time.utc(*text.split(/[-T:]/).map(&:to_i)).to_i - offset
      @second = [[text, zone], at]
      at
    rescue ArgumentError
      nil # no date has such a month
    end
  end
end
