import PNG
import SharedModel

extension ImageMetadata {
    /// The texts of the PNG file: A1111's line, and everything as JSON.
    var texts: [PNGText] {
        get throws {
            [
                try PNGText(keyword: Self.parametersKeyword, text: parameters),
                try PNGText(keyword: Self.keyword, text: try json()),
            ]
        }
    }
}
