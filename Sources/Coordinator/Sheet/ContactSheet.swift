/// Labelled pictures of a whole sweep, one for each prompt: rows are styles, columns are guidance values.
///
/// Where other axes vary there is one sheet for each of their combinations, and its title names it. Positions without
/// an image are tiles that say how they stand.
package enum ContactSheet {
    /// How the sheets are laid out.
    package struct Options: Equatable, Sendable {
        /// The longer side of a tile in pixels; `nil` is the image's own size, up to ``largestDefaultTile``.
        package var tile: Int?
        /// Columns of a band; further guidance values continue in a band below.
        package var columns: Int

        /// Pixels up to which an image is not made smaller unless asked.
        package static let largestDefaultTile = 192
        /// Pixels that the longer side of a tile can have.
        package static let tiles = 16...2048
        /// Columns that a band can have.
        package static let columnCounts = 1...1000

        package init(tile: Int? = nil, columns: Int = 14) {
            self.tile = tile
            self.columns = columns
        }
    }

    /// Draws every sheet of a sweep and writes it as a PNG file. Blocks while it reads and draws.
    ///
    /// A single sheet gets the name that was asked for; several are numbered from 1 beside it: `sheet-1.png`. Each
    /// appears whole or not at all.
    ///
    /// - Parameters:
    ///   - reader: The sweep.
    ///   - directory: Where its images are.
    ///   - path: The file to write; its name ends in `.png`.
    ///   - options: How the sheets are laid out.
    /// - Returns: Paths of the files, in grid order.
    /// - Throws: ``CoordinatorError`` for options out of bounds, a database that can't be read and files that can't be
    ///   written.
    package static func write(
        _ reader: SweepReader, _ directory: SweepDirectory, to path: String, options: Options = Options()
    ) throws -> [String] {
        try check(options, path)
        var collector = SheetCollector()
        try reader.forEachRow { collector.add($0) }
        let sheets = collector.sheets
        let name = try reader.sweep().name
        let varying = SheetAxes(varyingIn: sheets.map(\.setting))
        let painters = try sheets.map { sheet in
            try SheetPainter(
                sheet, sweep: name, varying: varying, options: options, images: ImageReader(directory))
        }
        let count = painters.reduce(0) { $0 + $1.pageCount }
        var paths: [String] = []
        for painter in painters {
            for page in 0..<painter.pageCount {
                let number = paths.count + 1
                let file = count == 1 ? path : numbered(path, number)
                let png = try painter.png(page: page, number: count == 1 ? "" : "sheet \(number) of \(count)")
                try DurableFile.replace(file, with: png, mode: 0o666)
                paths.append(file)
            }
        }
        return paths
    }

    private static func check(_ options: Options, _ path: String) throws {
        if let tile = options.tile, !Options.tiles.contains(tile) {
            throw CoordinatorError.option(name: "--tile", value: "\(tile)", wanted: "\(bounds(Options.tiles)) pixels")
        }
        guard Options.columnCounts.contains(options.columns) else {
            throw CoordinatorError.option(
                name: "--columns", value: "\(options.columns)", wanted: bounds(Options.columnCounts))
        }
        guard path.lowercased().hasSuffix(".png") else {
            throw CoordinatorError.option(name: "-o", value: path, wanted: "a file name that ends in .png")
        }
    }

    private static func bounds(_ range: ClosedRange<Int>) -> String {
        "\(range.lowerBound) to \(range.upperBound)"
    }

    private static func numbered(_ path: String, _ number: Int) -> String {
        "\(path.dropLast(".png".count))-\(number)\(path.suffix(".png".count))"
    }
}
