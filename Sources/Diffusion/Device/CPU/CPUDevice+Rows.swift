import CKernels

extension CPUDevice {
    /// Lends some rows of an image of the batch to `body`.
    typealias RowLender = (
        _ image: Int, _ rows: Range<Int>, _ body: (UnsafeMutablePointer<Float>) throws -> Void
    ) throws -> Void

    /// Prepares rows of `x` as `body` asks for them, in a buffer that holds no more than those.
    func withRows(of x: Tensor, prepared preparation: RowPreparation, _ body: (RowLender) throws -> Void) throws {
        let (height, width) = (x.shape[1], x.shape[2])
        let row = width * x.channels
        switch preparation {
        case .normalised(let shift, let scale, let bias, let groups, let epsilon, let activation):
            try withGroupStatistics(
                of: x, adding: shift, scale: scale, bias: bias, groups: groups, epsilon: epsilon
            ) { statistics in
                try body { image, rows, use in
                    let buffer = try empty([rows.count, row])
                    tmdne_group_apply(
                        address(x) + (image * height + rows.lowerBound) * row, statistics + image * 2 * x.channels,
                        address(buffer), 1, rows.count * width, x.channels, activation.kernel, 0)
                    try use(address(buffer))
                }
            }
        case .doubled:
            try body { image, rows, use in
                // Whole source rows, of which the first may be needed by half.
                let sources = rows.lowerBound / 2..<(rows.upperBound + 1) / 2
                let buffer = try empty([2 * sources.count, 2 * row])
                tmdne_resize_nearest(
                    address(x) + (image * height + sources.lowerBound) * row, address(buffer), 1, sources.count, width,
                    2 * sources.count, 2 * width, x.channels)
                try use(address(buffer) + (rows.lowerBound - 2 * sources.lowerBound) * 2 * row)
            }
        }
    }
}
