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
    ///   - varying: The axes in which the sheets of the sweep differ.
    ///   - em: Height of the labels' font in pixels.
    init(_ setting: SheetContent.Setting, sweep: String, varying: Set<GridAxis>, em: Int) {
        title = setting.values[.prompt].map { $0.isEmpty ? "(no prompt)" : $0 } ?? "All prompts"
        self.sweep = sweep
        let described = Self.order.compactMap { axis in
            setting.values[axis].map { (axis: axis, text: Self.words(axis, $0)) }
        }
        difference = Self.line(described.filter { varying.contains($0.axis) }.map(\.text))
        settings = Self.line(described.filter { !varying.contains($0.axis) }.map(\.text))
        self.em = Double(em)
    }

    /// The prompt is the title; what is left out of a list is never told.
    private static let order: [GridAxis] = [
        .model, .style, .guidance, .sampler, .steps, .seed, .size, .negativePrompt, .options,
    ]

    private static func words(_ axis: GridAxis, _ value: String) -> String {
        switch axis {
        case .style: "style \(value)"
        case .guidance: "guidance \(value)"
        case .steps: value == "1" ? "1 step" : "\(value) steps"
        case .seed: "seed \(value)"
        case .size: value.replacing("x", with: " × ")
        case .negativePrompt: value.isEmpty ? "no negative prompt" : "negative: \(value)"
        case .model, .options, .prompt, .sampler: value
        }
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
