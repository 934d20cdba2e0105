"""Tiny datasets as their publishers write them, after the published descriptions of the formats; all invented."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from storage.settings.datasets import DatasetSettings

USERS = [f"u{number}" for number in range(6)]
ITEMS = [f"i{number}" for number in range(7)]
PAIRS = [(user, item) for user in range(6) for item in range(7) if (user + item) % 7]
FIRST_SECOND = 1_400_000_000


@dataclass(frozen=True)
class Published:
    """A version of a dataset: what its reader must call it, how it is read and its files."""

    version: str
    settings: DatasetSettings
    files: Mapping[str, bytes] = field(repr=False)

    def write(self, folder: Path, packed: str = "plain") -> Path:
        """The files in a new folder: plain, each in a .gz, or all in one .zip."""
        folder.mkdir(parents=True)
        if packed == "zip":
            with zipfile.ZipFile(folder / "published.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                for name, content in self.files.items():
                    archive.writestr(f"published/{name}", content)
            return folder
        for name, content in self.files.items():
            if packed == "gz":
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
            else:
                (folder / name).write_bytes(content)
        return folder


def lines(*rows: str, encoding: str = "utf-8") -> bytes:
    return "".join(f"{row}\n" for row in rows).encode(encoding)


def json_lines(*rows: object) -> bytes:
    return lines(*(json.dumps(row, ensure_ascii=False) for row in rows))


def _settings(adapter: str, **changes: object) -> DatasetSettings:
    return DatasetSettings.model_validate(
        {"name": adapter, "adapter": adapter, "like_threshold": 3, "min_ratings": 3, **changes}
    )


def _stars(user: int, item: int) -> int:
    return 1 + (2 * user + 3 * item) % 5


def _time(user: int, item: int) -> int:
    return FIRST_SECOND + 1000 * user + 10 * item


def amazon_2014() -> Published:
    reviews = [
        {
            "reviewerID": USERS[user],
            "asin": ITEMS[item],
            "reviewerName": "A. Nonymous",
            "helpful": [1, 2],
            "reviewText": f"Song {item} &amp; more.",
            "overall": float(_stars(user, item)),
            "summary": "Fine",
            "unixReviewTime": _time(user, item),
            "reviewTime": "05 13, 2014",
        }
        for user, item in PAIRS
    ]
    metadata = [
        {
            "asin": item,
            "title": f"Album {item}",
            "price": 9.5,
            "brand": "Trio",
            "imUrl": "http://x/y.jpg",
            "categories": [["CDs & Vinyl", "Jazz" if number % 2 else "Rock"]],
            "description": "It's soft.",
            "salesRank": {"Music": 3},
            "related": {"also_bought": ["i9"]},
        }
        for number, item in enumerate(ITEMS)
    ]
    files = {"reviews_Music_5.json": json_lines(*reviews), "meta_Music.json": lines(*(repr(row) for row in metadata))}
    return Published("Amazon reviews 2014", _settings("amazon"), files)


def amazon_2018() -> Published:
    reviews = [
        {
            "overall": float(_stars(user, item)),
            "vote": "1,024",
            "verified": True,
            "reviewTime": "05 13, 2014",
            "reviewerID": USERS[user],
            "asin": ITEMS[item],
            "style": {"Format:": " Audio CD"},
            "reviewerName": "A. Nonymous",
            "reviewText": f"Song {item}\nand more.",
            "summary": "Fine",
            "unixReviewTime": _time(user, item),
            "image": ["https://x/y.jpg"],
        }
        for user, item in PAIRS
    ]
    metadata = [
        {
            "category": [
                "Digital Music",
                "Jazz" if number % 2 else "Rock",
                "</span></span></span>",
                "Imported &amp; rare",
            ],
            "tech1": "",
            "description": ["Soft.<br>Slow.", "Recorded at <b>night</b>."],
            "fit": "",
            "title": f"Album {item} &quot;Live&quot;",
            "also_buy": ["i9"],
            "tech2": "",
            "brand": "Trio",
            "feature": ["Two discs", "Booklet"],
            "rank": ["#3 in Music"],
            "also_view": ["i9"],
            "details": {"Label:": "Zzq"},
            "main_cat": "Digital Music",
            "similar_item": "",
            "date": "",
            "price": "$12.99",
            "asin": item,
            "imageURL": [],
        }
        for number, item in enumerate(ITEMS)
    ]
    files = {"Digital_Music_5.json": json_lines(*reviews), "meta_Digital_Music.json": json_lines(*metadata)}
    return Published("Amazon reviews 2018", _settings("amazon"), files)


def amazon_2023() -> Published:
    reviews = [
        {
            "rating": float(_stars(user, item)),
            "title": "Fine",
            "text": f"Game {item}<br />and more.",
            "images": [{"small_image_url": "https://x/y.jpg"}],
            "asin": f"{ITEMS[item]}-variant",
            "parent_asin": ITEMS[item],
            "user_id": USERS[user],
            "timestamp": 1000 * _time(user, item) + 456,
            "helpful_vote": 3,
            "verified_purchase": True,
        }
        for user, item in PAIRS
    ]
    metadata = [
        {
            "main_category": "Video Games",
            "title": f"Game {item}",
            "average_rating": 4.321,
            "rating_number": 98765,
            "features": ["Fast", "Two players"],
            "description": ["You race."],
            "price": 19.99 if number else None,
            "images": [{"thumb": "https://x/y.jpg"}],
            "videos": [],
            "store": "Trio",
            "categories": ["Video Games", "Racing" if number % 2 else "Puzzle"],
            "details": {"Best Sellers Rank": {"Video Games": 4711}},
            "parent_asin": item,
            "bought_together": None,
        }
        for number, item in enumerate(ITEMS)
    ]
    files = {"Video_Games.jsonl": json_lines(*reviews), "meta_Video_Games.jsonl": json_lines(*metadata)}
    return Published("Amazon reviews 2023", _settings("amazon"), files)


def yelp() -> Published:
    reviews = [
        {
            "review_id": f"r{user}{item}",
            "user_id": USERS[user],
            "business_id": ITEMS[item],
            "stars": float(_stars(user, item)),
            "useful": 1,
            "funny": 0,
            "cool": 0,
            "text": f'Place {item}.\n\nTwo "waffles".',
            "date": f"2014-05-{13 + user:02d} 10:{item:02d}:00",
        }
        for user, item in PAIRS
    ]
    places = [
        {
            "business_id": item,
            "name": f"Café {item}",
            "address": "1 Main St",
            "city": "St. Louis" if number % 2 else "Reno",
            "state": "MO" if number % 2 else "NV",
            "postal_code": "63101",
            "latitude": 38.6,
            "longitude": -90.2,
            "stars": 4.5,
            "review_count": 8642,
            "is_open": 1,
            "attributes": {
                "OutdoorSeating": "True",
                "WiFi": "u'free'",
                "Alcohol": "u'none'",
                "RestaurantsTakeOut": "False",
            },
            "categories": "Restaurants, Waffles" if number < 6 else None,
            "hours": {"Monday": "8:0-18:0"},
        }
        for number, item in enumerate(ITEMS)
    ]
    files = {
        "yelp_academic_dataset_review.json": json_lines(*reviews),
        "yelp_academic_dataset_business.json": json_lines(*places),
    }
    return Published("Yelp academic dataset", _settings("yelp"), files)


def anime_2016() -> Published:
    rows = [f"{user + 1},{item + 1},{2 * _stars(user, item)}" for user, item in PAIRS]
    titles = [f'{item},"Title {item}, the first","Action, Drama",TV,26,8.21,793665' for item in range(1, 8)]
    files = {
        "rating.csv": lines("user_id,anime_id,rating", *rows, "1,7,-1", "2,6,-1"),
        "anime.csv": lines("anime_id,name,genre,type,episodes,rating,members", *titles),
    }
    return Published("Anime 2016", _settings("anime", rating_max=10, like_threshold=6), files)


def anime_2020() -> Published:
    rows = [f"{user},{item + 1},{2 * _stars(user, item)},2,26" for user, item in PAIRS]
    titles = [
        f'{item},Title {item},8.21,"Action, Drama",題{item},TV,26,"Apr 3, 1998",Spring 1998,Unknown,Sunrise,Original,'
        f"24 min. per ep.,28.0,39,{item},793665"
        for item in range(1, 8)
    ]
    synopses = [
        f'{item},Title {item},8.21,"Action, Drama","Ship {item}, its ""crew"" and space."' for item in range(1, 8)
    ]
    files = {
        "animelist.csv": lines(
            "user_id,anime_id,rating,watching_status,watched_episodes", *rows, "0,7,0,6,0", "1,6,0,6,0"
        ),
        "anime.csv": lines(
            "MAL_ID,Name,Score,Genres,Japanese name,Type,Episodes,Aired,Premiered,Producers,Studios,Source,Duration,"
            "Rating,Ranked,Popularity,Members",
            *titles,
        ),
        "anime_with_synopsis.csv": lines("MAL_ID,Name,Score,Genres,sypnopsis", *synopses),
    }
    return Published("Anime 2020 with synopses", _settings("anime", rating_max=10, like_threshold=6), files)


def movielens_100k() -> Published:
    rows = [f"{user + 1}\t{item + 1}\t{_stars(user, item)}\t{_time(user, item)}" for user, item in PAIRS]
    flags = ["0"] * 19
    flags[1] = flags[8] = "1"
    films = [f"{item}|Café {item} (1995)|01-Jan-1995||http://us.imdb.com/x|{'|'.join(flags)}" for item in range(1, 8)]
    files = {"u.data": lines(*rows), "u.item": lines(*films, encoding="iso-8859-1"), "u.user": lines("1|24|M|x|85711")}
    return Published("MovieLens 100k", _settings("movielens"), files)


def movielens_1m() -> Published:
    rows = [f"{user + 1}::{item + 1}::{_stars(user, item)}::{_time(user, item)}" for user, item in PAIRS]
    films = [f"{item}::Café {item}, The (1995)::Comedy|Children's" for item in range(1, 8)]
    files = {
        "ratings.dat": lines(*rows),
        "movies.dat": lines(*films, encoding="iso-8859-1"),
        "users.dat": lines("1::F::1::10::48067"),
    }
    return Published("MovieLens 1M", _settings("movielens"), files)


def movielens_10m() -> Published:
    rows = [f"{user + 1}::{item + 1}::{_stars(user, item) - 0.5}::{_time(user, item)}" for user, item in PAIRS]
    films = [f"{item}::Café {item} (1995)::Comedy|Drama" for item in range(1, 8)]
    tags = [f"{user + 1}::{item + 1}::très bien::{_time(user, item)}" for user, item in PAIRS[:9]]
    files = {"ratings.dat": lines(*rows), "movies.dat": lines(*films), "tags.dat": lines(*tags)}
    return Published("MovieLens 10M", _settings("movielens", rating_min=0.5), files)


def movielens_csv() -> Published:
    rows = [f"{user + 1},{item + 1},{_stars(user, item) - 0.5},{_time(user, item)}" for user, item in PAIRS]
    films = [f'{item},"Café {item}, The (1995)",Comedy|Drama' for item in range(1, 8)]
    tags = [f'{user + 1},{item + 1},"funny, ""very""",{_time(user, item)}' for user, item in PAIRS[:9]]
    files = {
        "ratings.csv": lines("userId,movieId,rating,timestamp", *rows),
        "movies.csv": lines("movieId,title,genres", *films),
        "tags.csv": lines("userId,movieId,tag,timestamp", *tags),
        "links.csv": lines("movieId,imdbId,tmdbId", "1,0114709,862"),
    }
    return Published("MovieLens (csv)", _settings("movielens", rating_min=0.5), files)


def table() -> Published:
    rows = [
        f'{USERS[user]},{ITEMS[item]},{_stars(user, item)},{_time(user, item)},"Nice, ""{item}"""'
        for user, item in PAIRS
    ]
    things = [f"{item},Thing {item},red|blue,Fine.,{number}" for number, item in enumerate(ITEMS)]
    files = {
        "ratings.csv": lines("user_id,item_id,rating,timestamp,review_text", *rows),
        "items.csv": lines("item_id,name,categories,description,size", *things),
    }
    return Published(
        "table (csv)", _settings("table", table={"interactions": "ratings.csv", "items": "items.csv"}), files
    )


def table_of_json() -> Published:
    rows = [
        {"user": USERS[user], "item": ITEMS[item], "stars": _stars(user, item), "date": f"2014-05-{13 + item:02d}"}
        for user, item in PAIRS
    ]
    things = [{"item": item, "title": f"Thing {item}", "tags": ["red", "blue"], "weight": 1.5} for item in ITEMS]
    files = {"ratings.jsonl": json_lines(*rows), "items.jsonl": json_lines(*things)}
    return Published(
        "table (jsonl)", _settings("table", table={"interactions": "ratings.jsonl", "items": "items.jsonl"}), files
    )


def table_of_parquet() -> Published:
    rows = pl.DataFrame(
        {
            "user_id": [USERS[user] for user, _ in PAIRS],
            "item_id": [ITEMS[item] for _, item in PAIRS],
            "rating": [_stars(user, item) for user, item in PAIRS],
            "timestamp": [_time(user, item) for user, item in PAIRS],
        }
    )
    things = pl.DataFrame({"item_id": ITEMS, "name": [f"Thing {item}" for item in ITEMS]}).with_columns(
        categories=pl.lit(["red", "blue"]), sizes=pl.lit([1, 2])
    )
    return Published(
        "table (parquet)",
        _settings("table", table={"interactions": "ratings.parquet", "items": "items.parquet"}),
        {"ratings.parquet": _parquet(rows), "items.parquet": _parquet(things)},
    )


def _parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


VERSIONS = (
    amazon_2014,
    amazon_2018,
    amazon_2023,
    yelp,
    anime_2016,
    anime_2020,
    movielens_100k,
    movielens_1m,
    movielens_10m,
    movielens_csv,
    table,
    table_of_json,
    table_of_parquet,
)
