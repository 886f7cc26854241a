<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Hawser\Fields;
use PHPUnit\Framework\TestCase;

final class FieldsTest extends TestCase
{
    public function testKeepsOrderAndRepeatsAndIgnoresCase(): void
    {
        $fields = new Fields(['set-cookie', 'a=1', 'content-type', 'text/plain', 'set-cookie', 'b=2', 'x-empty', '']);
        self::assertSame('text/plain', $fields->get('Content-Type'));
        self::assertSame('a=1, b=2', $fields->get('set-cookie'));
        self::assertSame(['a=1', 'b=2'], $fields->all('Set-Cookie'));
        self::assertSame('', $fields->get('x-empty'));
        self::assertNull($fields->get('x-none'));
        self::assertSame([], $fields->all('x-none'));
        self::assertTrue($fields->has('X-Empty'));
        self::assertFalse($fields->has('x-none'));
        self::assertCount(4, $fields);
        self::assertSame(['set-cookie' => ['a=1', 'b=2'], 'content-type' => ['text/plain'], 'x-empty' => ['']], $fields->byName());
        self::assertSame([['set-cookie', 'a=1'], ['content-type', 'text/plain'], ['set-cookie', 'b=2'], ['x-empty', '']], iterator_to_array($fields));
    }
}
