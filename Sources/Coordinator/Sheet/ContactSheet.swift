/// Labelled pictures of a whole sweep, one for each prompt: rows are styles, columns are guidance values, unless other axes
/// are asked for.
///
/// Where further axes vary there is one sheet for each of their combinations, and its title names it. Positions without
/// an image are tiles that say how they stand.
package enum ContactSheet {
    /// How the sheets are laid out.
    package struct Options: Equatable, Sendable {
        /// The longer side of a tile in pixels; `nil` is the image's own size, up to ``largestDefaultTile``.
        package var tile: Int?
        /// Columns of a band; further guidance values continue in a band below.
        package var columns: Int
        /// The axis whose values are rows.
        package var down: GridAxis
        /// The axis whose values are columns.
        package var across: GridAxis

        /// Pixels up to which an image is not made smaller unless asked.
        package static let largestDefaultTile = 192
        /// Pixels that the longer side of a tile can have.
        package static let tiles = 16...2048
        /// Columns that a band can have.
        package static let columnCounts = 1...1000

        package init(
            tile: Int? = nil, columns: Int = 14, down: GridAxis = .style, across: GridAxis = .guidance
        ) {
            self.tile = tile
            self.columns = columns
            self.down = down
            self.across = across
        }
    }

    /// Draws every sheet of a sweep and writes it as a PNG file, or all of them as the pages of a PDF. Blocks while it
    /// reads and draws.
    ///
    /// A single PNG sheet gets the name that was asked for; several are numbered from 1 beside it: `sheet-1.png`. Each
    /// file appears whole or not at all.
    ///
    /// - Parameters:
    ///   - reader: The sweep.
    ///   - directory: Where its images are.
    ///   - path: The file to write; its name ends in `.png` or `.pdf`.
    ///   - options: How the sheets are laid out.
    /// - Returns: Paths of the files, in grid order.
    /// - Throws: ``CoordinatorError`` for options out of bounds, a database that can't be read and files that can't be
    ///   written.
    package static func write(
        _ reader: SweepReader, _ directory: SweepDirectory, to path: String, options: Options = Options()
    ) throws -> [String] {
        try check(options, path)
        var collector = SheetCollector(down: options.down, across: options.across)
        try reader.forEachRow { collector.add($0) }
        let sheets = collector.sheets
        let name = try reader.sweep().name
        let varying = SheetContent.Setting.varying(in: sheets.map(\.setting))
        let pages = try sheets.flatMap { sheet in
            let painter = try SheetPainter(
                sheet, sweep: name, varying: varying, options: options, images: ImageReader(directory))
            return (0..<painter.pageCount).map { (painter: painter, index: $0) }
        }
        if path.lowercased().hasSuffix(".pdf") {
            let pdf = try PDF(path: path + ".new")
            for (number, page) in pages.enumerated() {
                let size = page.painter.size(page: page.index)
                let canvas = try pdf.page(width: size.width, height: size.height, background: SheetPalette.paper)
                try page.painter.draw(page: page.index, number: title(number + 1, of: pages.count), on: canvas)
                canvas.endPage()
            }
            try pdf.finish(renamingTo: path)
            return [path]
        }
        return try pages.enumerated().map { number, page in
            let file = pages.count == 1 ? path : numbered(path, number + 1)
            let png = try page.painter.png(page: page.index, number: title(number + 1, of: pages.count))
            try DurableFile.replace(file, with: png, mode: 0o666)
            return file
        }
    }

    /// Prompts and styles of a sweep that no font here can write in full. Blocks.
    ///
    /// - Throws: ``CoordinatorError`` when the database can't be read.
    package static func labelsWithoutFont(_ reader: SweepReader) throws -> [String] {
        let ruler = try Canvas(width: 1, height: 1, background: SheetPalette.paper)
        var seen: Set<String> = []
        var found: [String] = []
        try reader.forEachRow { row in
            for label in [row.prompt, row.style] where seen.insert(label).inserted {
                if ruler.lettersWithoutFont(in: label) > 0 { found.append(label) }
            }
        }
        return found
    }

    private static func title(_ number: Int, of count: Int) -> String {
        count == 1 ? "" : "sheet \(number) of \(count)"
    }

    private static func check(_ options: Options, _ path: String) throws {
        if let tile = options.tile, !Options.tiles.contains(tile) {
            throw CoordinatorError.option(name: "--tile", value: "\(tile)", wanted: "\(bounds(Options.tiles)) pixels")
        }
        guard Options.columnCounts.contains(options.columns) else {
            throw CoordinatorError.option(
                name: "--columns", value: "\(options.columns)", wanted: bounds(Options.columnCounts))
        }
        guard options.down != options.across else {
            throw CoordinatorError.option(
                name: "--down", value: options.down.rawValue, wanted: "another axis than --across has")
        }
        guard [".png", ".pdf"].contains(path.suffix(4).lowercased()) else {
            throw CoordinatorError.option(
                name: "-o", value: path, wanted: "a file name that ends in .png or .pdf")
        }
    }

    private static func bounds(_ range: ClosedRange<Int>) -> String {
        "\(range.lowerBound) to \(range.upperBound)"
    }

    private static func numbered(_ path: String, _ number: Int) -> String {
        "\(path.dropLast(".png".count))-\(number)\(path.suffix(".png".count))"
    }
}
