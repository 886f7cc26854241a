<?php

declare(strict_types=1);

namespace Hawser\Tests\Unit;

use Hawser\Internal\Stream\UriReference;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase;

final class UriReferenceTest extends TestCase
{
    private const BASE = 'http://a/b/c/d;p?q';

    /**
     * RFC 3986 sections 5.4.1 and 5.4.2, less the scheme alone, which no `Location` is.
     *
     * @return iterable<string, array{string, string}>
     */
    public static function references(): iterable
    {
        $expected = [
            'http://g/x' => 'http://g/x', 'g' => 'http://a/b/c/g', './g' => 'http://a/b/c/g', 'g/' => 'http://a/b/c/g/',
            '/g' => 'http://a/g', '//g' => 'http://g/', '?y' => 'http://a/b/c/d;p?y', 'g?y' => 'http://a/b/c/g?y',
            '#s' => 'http://a/b/c/d;p?q', 'g#s' => 'http://a/b/c/g', 'g?y#s' => 'http://a/b/c/g?y', ';x' => 'http://a/b/c/;x',
            'g;x' => 'http://a/b/c/g;x', '' => 'http://a/b/c/d;p?q', '.' => 'http://a/b/c/', './' => 'http://a/b/c/',
            '..' => 'http://a/b/', '../' => 'http://a/b/', '../g' => 'http://a/b/g', '../..' => 'http://a/', '../../g' => 'http://a/g',
            '../../../g' => 'http://a/g', '/./g' => 'http://a/g', '/../g' => 'http://a/g', 'g.' => 'http://a/b/c/g.',
            '.g' => 'http://a/b/c/.g', 'g..' => 'http://a/b/c/g..', './../g' => 'http://a/b/g', './g/.' => 'http://a/b/c/g/',
            'g/./h' => 'http://a/b/c/g/h', 'g/../h' => 'http://a/b/c/h', 'g?y/../x' => 'http://a/b/c/g?y/../x',
        ];
        foreach ($expected as $reference => $url) {
            yield $reference === '' ? 'nothing' : $reference => [$reference, $url];
        }
    }

    #[DataProvider('references')]
    public function testResolves(string $reference, string $url): void
    {
        self::assertSame($url, UriReference::resolve(self::BASE, $reference));
    }

    public function testOriginsAreTheSameWhereSchemeHostAndPortAre(): void
    {
        $origin = UriReference::origin('https://api.example.com/x');
        self::assertSame($origin, UriReference::origin('HTTPS://user:pw@API.example.com:443?y'));
        self::assertNotSame($origin, UriReference::origin('https://api.example.com:8443/x'));
        self::assertNotSame($origin, UriReference::origin('http://api.example.com/x'));
    }
}
