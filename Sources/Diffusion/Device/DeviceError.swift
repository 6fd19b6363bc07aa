/// What can go wrong on a device while a network runs.
package enum DeviceError: Error, Equatable, CustomStringConvertible {
    case outOfMemory(bytes: Int)
    /// A call of oneDNN failed; `status` is its `dnnl_status_t`.
    case library(call: String, status: Int)

    package var description: String {
        switch self {
        case .outOfMemory(let bytes):
            "no memory for \(bytes / 1_048_576 + 1) MiB more: render a smaller size, or close other programs"
        case .library(let call, let status):
            "oneDNN's \(call) failed with status \(status): run `tmdne doctor` to see whether this processor is supported"
        }
    }
}
