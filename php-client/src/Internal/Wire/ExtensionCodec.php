<?php

declare(strict_types=1);

namespace Hawser\Internal\Wire;

use MessagePack;
use MessagePackUnpacker;

/**
 * ext-msgpack. Types that the wire does not have (floats, extensions) come through as values of another type, and are
 * refused where an element is read; in elements that version 1 skips they go unnoticed, which harms nothing.
 *
 * @internal
 */
final readonly class ExtensionCodec implements Codec
{
    private MessagePack $packer;

    private MessagePackUnpacker $unpacker;

    public function __construct()
    {
        // False: plain msgpack. With `php_only`, a map with a nil key would be built as an object of the class it names.
        $this->packer = new MessagePack(false);
        $this->unpacker = new MessagePackUnpacker(false);
    }

    public function packStrings(array $strings): string
    {
        /** @var string */
        return $this->packer->pack($strings);
    }

    public function unpack(string $bytes): mixed
    {
        $end = 0;
        $isWhole = @$this->unpacker->execute($bytes, $end) === true;
        $value = $isWhole ? $this->unpacker->data() : null; // @phpstan-ignore arguments.count (its stub wants an argument that the extension does not)
        $this->unpacker->reset();
        if (!$isWhole || $end !== \strlen($bytes)) {
            throw new MalformedFrame('a frame does not hold exactly one msgpack value');
        }

        return $value;
    }
}
