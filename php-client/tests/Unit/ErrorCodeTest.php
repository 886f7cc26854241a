<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Hawser\Exception\ErrorCode;
use Hawser\Internal\Failure;
use Hawser\Internal\Request;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;
use Psr\Http\Client\NetworkExceptionInterface;
use Psr\Http\Client\RequestExceptionInterface;

/**
 * docs/protocol/error-codes.md is the table; the enum says the same.
 */
final class ErrorCodeTest extends TestCase
{
    private const TABLE = __DIR__ . '/../../../docs/protocol/error-codes.md';

    #[DataProvider('rows')]
    public function testKnowsTheRow(int $number, string $name, string $class): void
    {
        $code = ErrorCode::tryFrom($number);
        self::assertNotNull($code, "number {$number} is missing in the enum");
        self::assertSame($name, $code->wireName());
        self::assertSame('Hawser\Exception\\' . $class, $code->exceptionClass());
    }

    public function testHasNoRowOfItsOwn(): void
    {
        self::assertSame(array_column([...self::rows()], 0), array_column(ErrorCode::cases(), 'value'));
    }

    #[DataProvider('rows')]
    public function testBecomesAnExceptionOfPsr18(int $number, string $name, string $class): void
    {
        $request = Request::of('GET', 'https://user:pw@example.com/path?token=secret', [], 0);
        $exception = Failure::fromWire($request, $number, $name, 'words of the broker', false, 'origin', null);
        self::assertTrue($exception instanceof NetworkExceptionInterface xor $exception instanceof RequestExceptionInterface);
        self::assertSame([$number, $name, 'maybe', 'origin'], [$exception->errorNumber(), $exception->errorName(), $exception->processed(), $exception->source()]);
        self::assertSame($number, $exception->getCode());
        self::assertSame("GET https://example.com/path: words of the broker ({$name})", $exception->getMessage());
    }

    public function testTakesANumberThatItDoesNotKnow(): void
    {
        $exception = Failure::fromWire(Request::of('GET', 'https://example.com/', [], 0), 999, 'brand_new', 'words', true, 'broker', null);
        self::assertSame('Hawser\Exception\NetworkException', $exception::class);
        self::assertSame([999, 'brand_new', 'no'], [$exception->errorNumber(), $exception->errorName(), $exception->processed()]);
    }

    /**
     * @return iterable<string, array{int, string, string}>
     */
    public static function rows(): iterable
    {
        foreach (file(self::TABLE) ?: [] as $line) {
            $cells = array_map(static fn(string $cell): string => trim($cell, " `\n"), explode('|', $line));
            if (\count($cells) >= 7 && ctype_digit($cells[1])) {
                yield $cells[2] => [(int) $cells[1], $cells[2], $cells[5]];
            }
        }
    }
}
