/// What Stable Diffusion XL is told of a picture's size (Podell et al. 2023, section 2.2), in pixels.
package struct SizeCondition: Hashable, Sendable {
    /// How many numbers there are.
    static let count = 6

    /// Size of the picture before it was scaled for training.
    package var originalWidth: Int
    package var originalHeight: Int
    /// What training cut off at the left and the top.
    package var cropLeft: Int
    package var cropTop: Int
    /// Size of the picture in training.
    package var targetWidth: Int
    package var targetHeight: Int

    /// A picture of that size, neither scaled nor cut.
    package init(width: Int, height: Int) {
        (originalWidth, originalHeight) = (width, height)
        (cropLeft, cropTop) = (0, 0)
        (targetWidth, targetHeight) = (width, height)
    }

    /// In the order in which the model was trained on them.
    var values: [Int] { [originalHeight, originalWidth, cropTop, cropLeft, targetHeight, targetWidth] }
}
