/// The measures that every table of a sheet shares, in pixels; all of them follow from the tile.
struct SheetMetrics: Equatable {
    let tileWidth: Int
    let tileHeight: Int
    /// Height of the font of the labels: large enough to be read when a wide sheet is shown small on a page.
    let em: Int
    let margin: Int
    /// Between tiles.
    let gap: Int
    /// Width of the row labels with the distance to the tiles.
    let labelWidth: Int
    let columnLabelHeight: Int
    /// Between two tables on a page.
    let blockDistance: Int

    /// Narrowest page, in heights of the font, so that a sheet of one small tile still has room for its title.
    private static let narrowest = 36

    /// - Parameters:
    ///   - width: Width of the images.
    ///   - height: Height of the images.
    ///   - tile: The longer side of a tile.
    ///   - labelWidth: Natural width of the widest row label in a font of the height that it is given.
    init(width: Int, height: Int, tile: Int, labelWidth: (_ em: Int) -> Int) {
        let scale = Double(tile) / Double(max(width, height, 1))
        tileWidth = max(1, Int((Double(max(width, 1)) * scale).rounded()))
        tileHeight = max(1, Int((Double(max(height, 1)) * scale).rounded()))
        em = min(max(tileWidth / 7, 12), 28)
        margin = em * 5 / 2
        gap = max(2, em / 3)
        self.labelWidth = min(labelWidth(em), em * 10) + em
        columnLabelHeight = em * 2
        blockDistance = em * 3 / 2
    }

    /// Of a page with so many columns.
    func width(columns: Int) -> Int {
        max(Self.narrowest * em, 2 * margin + labelWidth + columns * (tileWidth + gap) - gap)
    }

    /// How many columns fit on a page.
    func columns(inWidth width: Int) -> Int {
        (width - 2 * margin - labelWidth + gap) / (tileWidth + gap)
    }

    /// Of a table with its column labels.
    func blockHeight(rows: Int) -> Int {
        columnLabelHeight + rows * (tileHeight + gap) - gap
    }

    /// How many rows a table of a height can have.
    func rows(inHeight height: Int) -> Int {
        (height - columnLabelHeight + gap) / (tileHeight + gap)
    }

    /// Where the tile of a row and column of a table stands, from the left of the page and the top of the table.
    func tile(row: Int, column: Int) -> (x: Int, y: Int) {
        (margin + labelWidth + column * (tileWidth + gap), columnLabelHeight + row * (tileHeight + gap))
    }
}
