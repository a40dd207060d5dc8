/// A split complex spectrogram: `planes` (channels or sources) of `frames` rows of `bins`.
///
/// A row's bins are contiguous; rows are `frameStride` floats apart (bins rounded up to whole cache lines), and a
/// plane's rows follow one another.
public struct Spectrum: ~Copyable, Sendable {
    public let planes: Int
    public let frames: Int
    public let bins: Int
    public let frameStride: Int

    private let realStore: FloatBuffer
    private let imaginaryStore: FloatBuffer

    /// Zeroed.
    public init(planes: Int, frames: Int, bins: Int) {
        precondition(planes > 0 && frames > 0 && bins > 0)
        self.planes = planes
        self.frames = frames
        self.bins = bins
        frameStride = (bins + 15) / 16 * 16
        realStore = FloatBuffer(count: planes * frames * frameStride)
        imaginaryStore = FloatBuffer(count: planes * frames * frameStride)
    }

    /// Real parts of one plane's rows from `frame` on: `(frames − frame) · frameStride` floats, valid while this lives.
    public func real(plane: Int, from frame: Int = 0) -> UnsafeMutableBufferPointer<Float> {
        rows(of: realStore, plane, frame)
    }

    /// Imaginary parts, as `real(plane:from:)`.
    public func imaginary(plane: Int, from frame: Int = 0) -> UnsafeMutableBufferPointer<Float> {
        rows(of: imaginaryStore, plane, frame)
    }

    private func rows(
        of store: borrowing FloatBuffer, _ plane: Int, _ frame: Int
    ) -> UnsafeMutableBufferPointer<Float> {
        precondition(plane >= 0 && plane < planes && frame >= 0 && frame <= frames)
        let first = (plane * frames + frame) * frameStride
        return UnsafeMutableBufferPointer(rebasing: store.elements[first..<(plane + 1) * frames * frameStride])
    }
}
