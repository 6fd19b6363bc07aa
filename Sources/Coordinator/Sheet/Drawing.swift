/// A colour of the sRGB space, each part from 0 to 1.
struct Color: Equatable {
    let red: Double
    let green: Double
    let blue: Double

    /// - Parameter hex: `0xRRGGBB`.
    init(_ hex: UInt32) {
        red = Double(hex >> 16 & 0xFF) / 255
        green = Double(hex >> 8 & 0xFF) / 255
        blue = Double(hex & 0xFF) / 255
    }
}

/// An area in pixels, from its upper left corner.
struct Rectangle: Equatable {
    var x: Double
    var y: Double
    var width: Double
    var height: Double

    /// The largest area of an image's shape inside this one, in its middle.
    func fitting(width imageWidth: Int, height imageHeight: Int) -> Rectangle {
        let scale = min(width / Double(max(imageWidth, 1)), height / Double(max(imageHeight, 1)))
        let (fitted, raised) = (Double(imageWidth) * scale, Double(imageHeight) * scale)
        return Rectangle(x: x + (width - fitted) / 2, y: y + (height - raised) / 2, width: fitted, height: raised)
    }
}

/// How a text is set.
struct TextStyle: Equatable {
    /// Height of the font in pixels.
    var size: Double
    var color: Color
    var isBold = false
    var isCentered = false
    /// What needs more lines ends in an ellipsis.
    var maximumLines = 1
}
