package import PNG
package import SharedModel

extension ImageMetadata {
    /// The texts of a cell's PNG file: the line that A1111 and its relatives read, and everything as JSON.
    package var pngTexts: [PNGText] {
        get throws {
            [
                try PNGText(keyword: Self.parametersKeyword, text: parameters),
                try PNGText(keyword: Self.keyword, text: json()),
            ]
        }
    }
}
