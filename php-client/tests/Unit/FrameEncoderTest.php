<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Hawser\Internal\Wire\Codecs;
use Hawser\Internal\Wire\FrameEncoder;
use Hawser\Internal\Wire\Wire;
use PHPUnit\Framework\Attributes\TestWith;
use PHPUnit\Framework\TestCase;

final class FrameEncoderTest extends TestCase
{
    #[TestWith([1])]
    #[TestWith([0x80])]
    #[TestWith([0x100])]
    #[TestWith([0x10000])]
    #[TestWith([Wire::MAX_EXCHANGE_ID])]
    public function testAPieceOfABodyMakesAFrameOf64KiB(int $id): void
    {
        $encoder = new FrameEncoder(Codecs::default());

        self::assertSame(64 * 1024, \strlen($encoder->data($id, str_repeat('x', FrameEncoder::pieceBytes($id)))));
    }
}
