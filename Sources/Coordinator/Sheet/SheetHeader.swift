import SharedModel

/// The text above the tables of a sheet.
struct SheetHeader: Equatable {
    private let title: String
    private let sweep: String
    private let difference: String
    private let settings: String
    private let em: Double

    /// - Parameters:
    ///   - setting: What the sheet shows.
    ///   - sweep: The sweep's name.
    ///   - varying: What of the settings differs between the sheets of the sweep.
    ///   - em: Height of the labels' font in pixels.
    init(_ setting: SheetContent.Setting, sweep: String, varying: SheetAxes, em: Int) {
        title = setting.prompt.isEmpty ? "(no prompt)" : setting.prompt
        self.sweep = sweep
        let described: [(axis: SheetAxes, text: String)] = [
            (.model, setting.model),
            (.sampler, setting.sampler.rawValue),
            (.steps, setting.steps == 1 ? "1 step" : "\(setting.steps) steps"),
            (.seed, "seed \(setting.seed)"),
            (.size, "\(setting.width) × \(setting.height)"),
            (
                .negativePrompt,
                setting.negativePrompt.isEmpty ? "no negative prompt" : "negative: \(setting.negativePrompt)"
            ),
            (.options, setting.options.summary),
        ]
        difference = Self.line(described.filter { varying.contains($0.axis) }.map(\.text))
        settings = Self.line(described.filter { !varying.contains($0.axis) }.map(\.text))
        self.em = Double(em)
    }

    /// Height with the distance to what follows.
    func height(width: Int, on canvas: Canvas) -> Int {
        let height = lines(number: "").reduce(0) { height, line in
            height + canvas.size(of: line.text, line.style, width: Double(width)).height + line.distance
        }
        return Int(height.rounded(.up))
    }

    /// Draws the header; `number` says which sheet of how many it is, or nothing.
    func draw(on canvas: Canvas, x: Int, y: Int, width: Int, number: String) {
        var top = Double(y)
        for line in lines(number: number) {
            canvas.draw(line.text, line.style, x: Double(x), y: top, width: Double(width))
            top += canvas.size(of: line.text, line.style, width: Double(width)).height + line.distance
        }
    }

    private func lines(number: String) -> [(text: String, style: TextStyle, distance: Double)] {
        let muted = SheetPalette.muted
        let ink = SheetPalette.ink
        let lines: [(text: String, style: TextStyle, distance: Double)] = [
            (Self.line([sweep, number]), TextStyle(size: em, color: muted), em * 0.5),
            (title, TextStyle(size: em * 1.7, color: ink, isBold: true, maximumLines: 8), em * 0.5),
            (difference, TextStyle(size: em * 1.2, color: ink, isBold: true, maximumLines: 4), em * 0.4),
            (settings, TextStyle(size: em, color: muted, maximumLines: 4), em * 1.4),
        ]
        return lines.filter { !$0.text.isEmpty }
    }

    private static func line(_ parts: [String]) -> String {
        parts.filter { !$0.isEmpty }.joined(separator: "  ·  ")
    }
}

/// Parts of a setting.
struct SheetAxes: OptionSet {
    let rawValue: Int

    static let model = SheetAxes(rawValue: 1)
    static let sampler = SheetAxes(rawValue: 2)
    static let steps = SheetAxes(rawValue: 4)
    static let seed = SheetAxes(rawValue: 8)
    static let size = SheetAxes(rawValue: 16)
    static let negativePrompt = SheetAxes(rawValue: 32)
    static let options = SheetAxes(rawValue: 64)

    init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// The parts in which one of the settings differs from another.
    init(varyingIn settings: [SheetContent.Setting]) {
        self = []
        guard let first = settings.first else { return }
        for setting in settings {
            if setting.model != first.model { insert(.model) }
            if setting.sampler != first.sampler { insert(.sampler) }
            if setting.steps != first.steps { insert(.steps) }
            if setting.seed != first.seed { insert(.seed) }
            if (setting.width, setting.height) != (first.width, first.height) { insert(.size) }
            if setting.negativePrompt != first.negativePrompt { insert(.negativePrompt) }
            if setting.options != first.options { insert(.options) }
        }
    }
}
